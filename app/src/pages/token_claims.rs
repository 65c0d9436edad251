//! The claims of the token for the API, explained.
//!
//! An app must not rely on what stands in a token for somebody else: it may change, or be encrypted. This one only shows
//! it, so that people see what the API sees.
//! <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>

use serde_json::{Map, Value};

use crate::{
    entra::jwt_claims::unverified_claims,
    host::UnixTime,
    pages::words::{date, relative},
};

/// A claim and what it means.
#[derive(Debug, PartialEq, Eq)]
pub struct ExplainedClaim {
    /// Its name in the token.
    pub name: String,
    /// Its value as people read it.
    pub value: String,
    /// What it says.
    pub meaning: &'static str,
}

/// The claims of a token.
#[derive(Debug, PartialEq, Eq)]
pub struct ExplainedToken {
    /// Those that say who, what, for whom and until when.
    pub main: Vec<ExplainedClaim>,
    /// All others.
    pub others: Vec<ExplainedClaim>,
}

impl ExplainedToken {
    /// Explains the claims, in the order of the tables below and then by name; `None` if the token cannot be read.
    #[must_use]
    pub fn of(token: &str, now: UnixTime) -> Option<Self> {
        let mut claims: Map<String, Value> = unverified_claims(token)?;
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
            others.push(ExplainedClaim { name, value, meaning: "Not among the claims that this page knows." });
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
    ("aud", "Audience: whom the token is for. An API takes only tokens that name itself."),
    ("iss", "Issuer: who made the token. This is your directory at Microsoft Entra ID."),
    ("scp", "Scopes: what the app may do at the API in your name."),
    ("exp", "When the token ends. Then you sign in again, mostly without noticing."),
    ("name", "Your name, to show. Nothing may be decided by it."),
    ("oid", "You, as your directory knows you. It never changes: this is what an API should know you by."),
    ("tid", "Your directory, called a tenant."),
    ("azp", "The app that asked for the token: this one."),
    ("appid", "The app that asked for the token: this one."),
];

const OTHERS: &[(&str, &str)] = &[
    ("roles", "Roles that you were given in the API."),
    ("nbf", "From when on the token counts."),
    ("iat", "When the token was issued."),
    ("auth_time", "When you last proved who you are."),
    ("amr", "How you proved who you are: pwd by a password, mfa by a second factor as well."),
    ("acr", "How strong the sign-in was, in the words of older tokens."),
    ("acrs", "Requirements of Conditional Access that this sign-in met."),
    ("capolids", "Policies of Conditional Access that this sign-in met."),
    ("xms_cc", "What the app can do: cp1 means that it can answer a claims challenge."),
    ("azpacr", "How the app proved who it is: 0 not at all, 1 by a secret, 2 by a certificate."),
    ("appidacr", "How the app proved who it is: 0 not at all, 1 by a secret, 2 by a certificate."),
    ("preferred_username", "What you sign in with. It can change, so nothing may be decided by it."),
    ("upn", "What you sign in with. It can change, so nothing may be decided by it."),
    ("unique_name", "A name that older tokens carry, to show."),
    ("given_name", "Your first name."),
    ("family_name", "Your last name."),
    ("email", "A mail address. Nobody checked that it is yours, so nothing may be decided by it."),
    ("sub", "You, as this API alone knows you. Another API sees another value."),
    ("idtyp", "Whether the token is a person's or an application's own."),
    ("ver", "The version of the token's form: 1.0 or 2.0. The API decides which it gets."),
    ("ipaddr", "The network address that you signed in from."),
    ("sid", "Your session at Entra. Signing out ends it."),
    ("groups", "The groups that you are in."),
    ("wids", "The roles that you hold in the directory."),
    ("login_hint", "Which account this is, so that nobody needs to ask."),
    ("uti", "This token's own number, by which an administrator finds it in the sign-in log."),
    ("aio", "Entra's own notes. Nobody else can read them."),
    ("rh", "Entra's own notes. Nobody else can read them."),
    ("xms_ftd", "Entra's own notes. Nobody else can read them."),
];

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::{ExplainedClaim, ExplainedToken, MAIN, OTHERS};
    use crate::host::UnixTime;

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
