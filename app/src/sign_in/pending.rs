//! A sign-in that has begun: what the browser keeps in a sealed cookie until the person is back from Entra.

use std::{borrow::Cow, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use entra_obo::host::{Host, UnixTime};

use crate::{
    entra::authorization::{AuthorizationOptions, authorization_url},
    secret::Secret,
    session::cookies::{Cookies, SealedCookie, TooLarge},
    settings::AppSettings,
};

/// How long a person may take at Entra.
pub(super) const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The beginning of the cookies' names. The state follows, so that tabs do not overwrite each other's sign-in.
const COOKIE_PREFIX: &str = "profile-sign-in-";

/// How many pending sign-ins one browser keeps: enough for a few tabs, and far below what proxies allow a request's
/// headers.
const MAX_PENDING: usize = 5;

/// How many cookies of this kind are examined in one request, which bounds the work that a hostile browser can cause. This
/// app lets a browser keep fewer, except for tabs that begin at the same moment.
const MAX_EXAMINED: usize = 16;

/// A sign-in that has begun and is not finished.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingSignIn {
    /// Ties Entra's response to this browser.
    pub(crate) state: String,
    /// Ties the id token to this sign-in.
    pub(crate) nonce: String,
    /// Ties the redemption of the code to this sign-in.
    pub(crate) code_verifier: Secret,
    /// How many claims challenges in a row were answered, this sign-in included.
    pub(crate) challenges_in_a_row: u8,
    began_at: UnixTime,
}

impl PendingSignIn {
    /// Begins a sign-in, lets the browser keep it, and returns the address at Entra to send the person to.
    ///
    /// # Errors
    /// [`TooLarge`], which cannot happen: all of it is short.
    pub(crate) fn begin<H: Host>(
        host: &H,
        cookies: &Cookies,
        settings: &AppSettings,
        options: &AuthorizationOptions<'_>,
        challenges_in_a_row: u8,
    ) -> Result<String, TooLarge> {
        let pending = Self {
            state: URL_SAFE_NO_PAD.encode(host.random()),
            nonce: URL_SAFE_NO_PAD.encode(host.random()),
            code_verifier: Secret::new(URL_SAFE_NO_PAD.encode([host.random(), host.random()].concat())),
            challenges_in_a_row,
            began_at: host.now(),
        };
        Self::make_room(cookies, settings, pending.began_at);
        let content = serde_json::to_vec(&pending).map_err(|_| TooLarge)?;
        cookies.set([host.random(), host.random()], &cookie(&pending.state), settings, &content)?;
        Ok(authorization_url(settings, &pending.state, &pending.nonce, &pending.code_verifier, options))
    }

    /// The sign-in that this browser began with `state`, unless it has expired. The browser deletes its cookie;
    /// `used_sign_ins` makes a copy of the cookie useless.
    pub(crate) fn take(cookies: &Cookies, settings: &AppSettings, state: &str, now: UnixTime) -> Option<Self> {
        let pending = Self::open(cookies, settings, state)?;
        cookies.clear(&cookie(state), settings);
        (!pending.has_expired(now)).then_some(pending)
    }

    fn open(cookies: &Cookies, settings: &AppSettings, state: &str) -> Option<Self> {
        let pending: Self = serde_json::from_slice(&cookies.open(&cookie(state), settings)?).ok()?;
        (pending.state == state).then_some(pending)
    }

    fn has_expired(&self, now: UnixTime) -> bool {
        now.since(self.began_at) >= LIFETIME.as_secs()
    }

    /// Deletes what has expired or cannot be opened, and the oldest sign-ins if there would be too many.
    fn make_room(cookies: &Cookies, settings: &AppSettings, now: UnixTime) {
        let mut pending = Vec::new();
        for state in cookies.suffixes(COOKIE_PREFIX, settings).take(MAX_EXAMINED) {
            match Self::open(cookies, settings, state) {
                Some(sign_in) if !sign_in.has_expired(now) => pending.push((sign_in.began_at, state)),
                _ => cookies.clear(&cookie(state), settings),
            }
        }
        pending.sort_unstable();
        let surplus = pending.len().saturating_add(1).saturating_sub(MAX_PENDING);
        for (_, state) in pending.into_iter().take(surplus) {
            cookies.clear(&cookie(state), settings);
        }
    }
}

/// The cookie of the sign-in that began with `state`.
fn cookie(state: &str) -> SealedCookie {
    SealedCookie { name: Cow::Owned(format!("{COOKIE_PREFIX}{state}")), lifetime: Some(LIFETIME) }
}
