//! Tokens as they leave this crate. Their types say whose they are, and one cannot be converted into the other.

use std::{sync::Arc, time::Duration};

use http::HeaderValue;

use crate::{claims_challenge::ClaimsChallenge, exchange::issued_token::IssuedToken, host::UnixTime};

macro_rules! tokens {
    ($($(#[$doc:meta])+ $name:ident;)+) => {
        $(
            $(#[$doc])+
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name(Arc<IssuedToken>);

            impl $name {
                pub(super) const fn new(token: Arc<IssuedToken>) -> Self {
                    Self(token)
                }

                pub(super) const fn issued(&self) -> &Arc<IssuedToken> {
                    &self.0
                }

                /// The `Authorization` header of requests to the downstream API.
                #[must_use]
                pub fn authorization(&self) -> HeaderValue {
                    self.0.authorization()
                }

                /// Until when it is usable, by the wall clock.
                #[must_use]
                pub fn usable_until(&self, now: UnixTime, elapsed: Duration) -> UnixTime {
                    self.0.usable_until(now, elapsed)
                }
            }
        )+
    };
}

tokens! {
    /// A token for a downstream API on behalf of one person. Clones share it.
    DownstreamToken;
    /// A token of this application itself for a downstream API: no person is involved, and it allows what an
    /// administrator assigned to the application. Clones share it.
    ApplicationToken;
}

/// What the request needs.
#[derive(Debug, Clone)]
pub enum Need<T = DownstreamToken> {
    /// A token.
    Any,
    /// Another than this, which the downstream API has refused.
    InsteadOf(T),
    /// One that satisfies these claims.
    WithClaims(ClaimsChallenge),
}

impl<T> Need<T> {
    /// The same, without whose token it is.
    pub(super) fn of_issued(&self, issued: impl FnOnce(&T) -> &Arc<IssuedToken>) -> Need<Arc<IssuedToken>> {
        match self {
            Self::Any => Need::Any,
            Self::InsteadOf(token) => Need::InsteadOf(Arc::clone(issued(token))),
            Self::WithClaims(claims) => Need::WithClaims(claims.clone()),
        }
    }
}
