//! The people of the directory. Each is a behaviour.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::jwt::Object;

/// Someone who can sign in and call the API.
#[derive(Clone, Debug)]
pub struct Person {
    /// The handle, lower case.
    pub name: String,
    /// The display name; it may have any characters.
    pub display_name: String,
    /// The object id, the claim `oid`.
    pub object_id: String,
    /// The sign-in name.
    pub user_principal_name: String,
    /// The directory whose account this is.
    pub tenant_id: String,
    /// One line: what this person demonstrates.
    pub about: String,
    /// How Entra answers an exchange for this person.
    pub(crate) exchange: ExchangeRule,
    /// How Graph answers this person's calls.
    pub(crate) graph: GraphRule,
    pub(crate) has_photo: bool,
    /// Whether they may consent for everyone, and change what others own.
    pub(crate) is_administrator: bool,
    /// The properties of the Graph user, without those that follow from the rules.
    pub(crate) profile: Object,
}

impl Person {
    /// Whether this is their sign-in name, in any letter case.
    pub(crate) fn has_user_name(&self, user_name: &str) -> bool {
        self.user_principal_name.eq_ignore_ascii_case(user_name)
    }

    /// Whether their sign-in name is of this domain.
    pub(crate) fn is_of_domain(&self, domain: &str) -> bool {
        self.user_principal_name.rsplit_once('@').is_some_and(|(_, own)| own.eq_ignore_ascii_case(domain))
    }

    /// A property of the Graph user, null where there is none.
    pub(crate) fn property(&self, name: &str) -> Value {
        match name {
            "accountEnabled" => (self.exchange != ExchangeRule::Disabled).into(),
            _ => self.profile.get(name).cloned().unwrap_or_default(),
        }
    }
}

/// How Entra answers an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExchangeRule {
    /// With a Graph token.
    #[default]
    Granted,
    /// With a short-lived Graph token that is to be refreshed early.
    GrantedBriefly,
    /// With a Graph token, but then the person is signed out everywhere: Graph challenges that token, and Entra grants
    /// no other for the assertion. A new sign-in works.
    SignedOutAfterExchange,
    /// With a claims challenge, until the assertion has the claims.
    NeedsSecondFactor,
    /// With a Graph token, until Graph's challenge is passed on: then with a challenge of its own.
    NeedsSecondFactorAfterChallenge,
    /// AADSTS65001
    NeverConsented,
    /// AADSTS90094
    NeedsAdminConsent,
    /// AADSTS53003
    Blocked,
    /// AADSTS50173
    SessionRevoked,
    /// AADSTS50057
    Disabled,
    /// AADSTS50105
    NotAssigned,
    /// AADSTS50196
    LoopDetected,
    /// Status 429
    Throttled,
}

/// How Graph answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GraphRule {
    /// With the profile.
    #[default]
    Profile,
    /// With a continuous access evaluation challenge, until the token has the claims.
    ChallengesLocation,
    /// 429 with a fractional `Retry-After`
    Throttled,
    /// 429 under another code and without `Retry-After`
    ThrottledWithoutRetryAfter,
    /// 503 with `Retry-After`
    Unavailable,
    /// 403 `Authorization_RequestDenied`
    Forbidden,
    /// 404 `Request_ResourceNotFound`
    NotFound,
}
