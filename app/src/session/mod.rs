//! Who is signed in, and with which token. All of it is in the browser's cookie; the app itself stores nothing.

pub mod cookies;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use entra_obo::host::UnixTime;

use crate::{
    secret::Secret,
    session::cookies::{Cookies, SealedCookie, TooLarge},
    settings::AppSettings,
};

/// It lasts until the browser is closed. The time at which the token expires is inside.
const COOKIE: SealedCookie = SealedCookie { name: Cow::Borrowed("profile-session"), lifetime: None };

/// A signed-in person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The token for the API.
    #[serde(rename = "t")]
    pub access_token: Secret,
    /// When the token expires.
    #[serde(rename = "e")]
    pub expires_at: UnixTime,
    /// When the person came back from Entra.
    #[serde(rename = "s")]
    pub signed_in_at: UnixTime,
    /// The person's name, as Entra has it.
    #[serde(rename = "n")]
    pub name: String,
    /// Which account it is, for the next sign-in.
    #[serde(rename = "u")]
    pub username: Option<String>,
    /// Which account it is, so that signing out need not ask: Entra's claim `login_hint`.
    #[serde(rename = "h")]
    pub logout_hint: Option<String>,
    /// The person's id in the directory.
    #[serde(rename = "o")]
    pub object_id: Option<Uuid>,
    /// How many claims challenges of the API were answered by signing in again since a call last succeeded.
    #[serde(rename = "c")]
    pub challenges_in_a_row: u8,
    /// Whether a challenge was answered and the next call succeeded.
    #[serde(rename = "m")]
    pub challenge_met: bool,
}

impl Session {
    /// The session of a request, if there is one, expired or not.
    #[must_use]
    pub fn open(cookies: &Cookies, settings: &AppSettings) -> Option<Self> {
        serde_json::from_slice(&cookies.open(&COOKIE, settings)?).ok()
    }

    /// Whether the browser sent a session cookie, even one that does not open.
    #[must_use]
    pub fn is_present(cookies: &Cookies, settings: &AppSettings) -> bool {
        cookies.has(&COOKIE, settings)
    }

    /// Stores the session in the browser. `random` must be fresh.
    ///
    /// # Errors
    /// [`TooLarge`] if the token is longer than cookies can hold.
    pub fn keep(&self, random: [[u8; 16]; 2], cookies: &Cookies, settings: &AppSettings) -> Result<(), TooLarge> {
        let content = serde_json::to_vec(self).map_err(|_| TooLarge)?;
        cookies.set(random, &COOKIE, settings, &content)
    }

    /// Deletes the session from the browser.
    pub fn end(cookies: &Cookies, settings: &AppSettings) {
        cookies.clear(&COOKIE, settings);
    }

    /// Whether its token has expired.
    #[must_use]
    pub fn has_expired(&self, now: UnixTime) -> bool {
        now >= self.expires_at
    }
}
