//! The claims of the token for the API, explained.
//!
//! An app must not rely on the content of a token that is meant for another API: it may change, or be encrypted. This app
//! only shows it, so that people see what the API sees.
//! <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>

use serde_json::{Map, Value};

use entra_obo::host::UnixTime;

use crate::{
    entra::jwt_claims::parse_unverified_claims,
    pages::times::{date, relative},
};

/// A claim and what it means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExplainedClaim {
    /// Its name in the token.
    pub(crate) name: String,
    /// Its value, in readable form.
    pub(crate) value: String,
    /// What it means.
    pub(crate) meaning: &'static str,
}

/// The claims of a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExplainedToken {
    /// The most important ones.
    pub(crate) main: Vec<ExplainedClaim>,
    /// All others.
    pub(crate) others: Vec<ExplainedClaim>,
}

impl ExplainedToken {
    /// Explains the claims, in the order of the tables below and then by name; `None` if the token cannot be read.
    #[must_use]
    pub(crate) fn of(token: &str, now: UnixTime) -> Option<Self> {
        let mut claims: Map<String, Value> = parse_unverified_claims(token)?;
        let mut explain = |table: &[(&str, &'static str)]| {
            let mut explained = Vec::new();
            for (name, meaning) in table {
                if let Some(value) = claims.remove(*name) {
                    let value = readable(name, &value, now);
                    explained.push(ExplainedClaim { name: (*name).to_owned(), value, meaning });
                }
            }
            explained
        };
        let (main, mut others) = (explain(MAIN), explain(OTHERS));
        for (name, value) in claims {
            let value = readable(&name, &value, now);
            others.push(ExplainedClaim { name, value, meaning: "This page has no explanation for this claim." });
        }
        Some(Self { main, others })
    }
}

fn readable(name: &str, value: &Value, now: UnixTime) -> String {
    match (name, value) {
        ("exp" | "nbf" | "iat" | "auth_time", Value::Number(number)) => number.as_u64().map_or_else(
            || number.to_string(),
            |seconds| format!("{} ({})", date(UnixTime(seconds)), relative(UnixTime(seconds), now)),
        ),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        (_, other) => other.to_string(),
    }
}

const MAIN: &[(&str, &str)] = &[
    ("aud", "Audience: the API that the token is for. An API must reject tokens for others."),
    ("iss", "Issuer: who issued the token. This is your directory at Microsoft Entra ID."),
    ("scp", "Scopes: what the app may do at the API on your behalf."),
    ("exp", "When the token expires. Then you sign in again, usually without entering anything."),
    ("name", "Your name, for display. Do not base decisions on it."),
    ("oid", "Your id in your directory. It never changes, so an API should identify you by it."),
    ("tid", "Your directory, called a tenant."),
    ("azp", "The app that requested the token: this one."),
    ("appid", "The app that requested the token: this one."),
];

const OTHERS: &[(&str, &str)] = &[
    ("roles", "Your roles in the API."),
    ("nbf", "When the token becomes valid."),
    ("iat", "When the token was issued."),
    ("auth_time", "When you last authenticated."),
    ("amr", "How you authenticated: pwd with a password, mfa with a second factor as well."),
    ("acr", "How strong the sign-in was; only in older tokens."),
    ("acrs", "Authentication contexts of Conditional Access that this sign-in satisfied."),
    ("capolids", "Policies of Conditional Access that applied to this sign-in."),
    ("xms_cc", "The app’s capabilities: cp1 means that it can handle a claims challenge."),
    ("azpacr", "How the app authenticated: 0 not at all, 1 with a secret, 2 with a certificate."),
    ("appidacr", "How the app authenticated: 0 not at all, 1 with a secret, 2 with a certificate."),
    ("preferred_username", "Your sign-in name. It can change, so do not base decisions on it."),
    ("upn", "Your sign-in name. It can change, so do not base decisions on it."),
    ("unique_name", "A name for display; only in older tokens."),
    ("given_name", "Your first name."),
    ("family_name", "Your last name."),
    ("email", "A mail address. It may not be verified, so do not base decisions on it."),
    ("sub", "Your id for this API only. Other APIs see other values."),
    ("idtyp", "Whether the token belongs to a person or to an application."),
    ("ver", "The version of the token’s format, 1.0 or 2.0. The API’s registration decides which."),
    ("ipaddr", "The IP address that you signed in from."),
    ("sid", "The id of your session at Entra, which ends when you sign out."),
    ("groups", "The groups that you are a member of."),
    ("wids", "Your administrator roles in the directory."),
    ("login_hint", "Which account this is, so that a later sign-in need not ask."),
    ("uti", "This token’s id, by which an administrator can find it in the sign-in log."),
    ("aio", "For Entra’s internal use."),
    ("rh", "For Entra’s internal use."),
    ("xms_ftd", "For Entra’s internal use."),
];

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::{ExplainedClaim, ExplainedToken, MAIN, OTHERS};
    use entra_obo::host::UnixTime;

    fn shown(claims: &[ExplainedClaim]) -> Vec<(&str, &str)> {
        claims.iter().map(|claim| (claim.name.as_str(), claim.value.as_str())).collect()
    }

    #[test]
    fn claims_are_explained_in_order() {
        let claims = json!({"zz": [1, "two"], "exp": 3700, "aud": "api", "aa": {"b": true}, "nbf": "odd"});
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let explained = ExplainedToken::of(&token, UnixTime(100)).unwrap();
        let end = "Thu, 01 Jan 1970 01:01:40 GMT (in 60 minutes)";
        assert_eq!(shown(&explained.main), [("aud", "api"), ("exp", end)]);
        assert_eq!(shown(&explained.others), [("nbf", "odd"), ("aa", r#"{"b":true}"#), ("zz", "1, two")]);
        assert_eq!(ExplainedToken::of("opaque", UnixTime(100)), None);
    }

    #[test]
    fn no_claim_is_explained_twice() {
        let mut names: Vec<_> = MAIN.iter().chain(OTHERS).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), MAIN.len() + OTHERS.len());
    }
}
