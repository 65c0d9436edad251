//! Who signed in: the id token (OpenID Connect Core sections 2 and 3.1.3.7).

use std::fmt;

use serde::Deserialize;
use uuid::Uuid;

use entra_obo::host::UnixTime;

use crate::{entra::jwt_claims::parse_unverified_claims, settings::AppSettings};

/// How much Entra's clock and this machine's may differ.
const CLOCK_SKEW_SECONDS: u64 = 300;

/// The person according to an id token whose claims were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedInPerson {
    /// The name for display.
    pub(crate) name: String,
    /// The sign-in name. It can change, so nothing is decided by it.
    pub(crate) username: Option<String>,
    /// The id in the directory.
    pub(crate) object_id: Option<Uuid>,
    /// Saves the person a question when they sign out, if the registration includes this optional claim.
    pub(crate) logout_hint: Option<String>,
}

/// What is wrong with an id token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdTokenFault {
    /// It cannot be parsed.
    Malformed,
    /// It is not from the directory's issuer.
    Issuer,
    /// It is for another application.
    Audience,
    /// It is from another directory.
    Tenant,
    /// It belongs to another sign-in.
    Nonce,
    /// It has expired.
    Expired,
}

impl fmt::Display for IdTokenFault {
    /// Ends a sentence that begins with "the id token".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "cannot be parsed",
            Self::Issuer => "is not from the directory's issuer",
            Self::Audience => "is for another application",
            Self::Tenant => "is from another directory",
            Self::Nonce => "belongs to another sign-in",
            Self::Expired => "has expired",
        })
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    exp: u64,
    nonce: Option<String>,
    tid: Uuid,
    oid: Option<Uuid>,
    name: Option<String>,
    preferred_username: Option<String>,
    login_hint: Option<String>,
}

/// Checks an id token that came from the token endpoint. TLS makes up for the signature, which is not verified.
///
/// # Errors
/// The first fault.
pub(crate) fn check(
    token: &str,
    settings: &AppSettings,
    nonce: &str,
    now: UnixTime,
) -> Result<SignedInPerson, IdTokenFault> {
    let claims: Claims = parse_unverified_claims(token).ok_or(IdTokenFault::Malformed)?;
    if claims.iss != format!("{}/{}/v2.0", settings.authority_host.as_str(), settings.tenant_id) {
        return Err(IdTokenFault::Issuer);
    }
    if Uuid::try_parse(&claims.aud) != Ok(settings.app_client_id) {
        return Err(IdTokenFault::Audience);
    }
    if claims.tid != settings.tenant_id {
        return Err(IdTokenFault::Tenant);
    }
    if claims.nonce.as_deref() != Some(nonce) {
        return Err(IdTokenFault::Nonce);
    }
    if UnixTime(claims.exp).plus(CLOCK_SKEW_SECONDS) <= now {
        return Err(IdTokenFault::Expired);
    }
    let name = claims.name.or_else(|| claims.preferred_username.clone());
    Ok(SignedInPerson {
        name: name.unwrap_or_else(|| "No name".to_owned()),
        username: claims.preferred_username,
        object_id: claims.oid,
        logout_hint: claims.login_hint,
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::{IdTokenFault, check};
    use crate::settings::tests::{API, APP, TENANT, with};
    use entra_obo::host::UnixTime;

    const NOW: u64 = 1_800_000_000;

    fn judge(change: (&str, Value)) -> Result<String, IdTokenFault> {
        let mut claims = json!({
            "iss": format!("https://login.example/{TENANT}/v2.0"),
            "aud": APP,
            "exp": NOW + 3600,
            "nonce": "nonce",
            "tid": TENANT,
            "name": "Ada Marsh",
            "preferred_username": "ada@example.com",
        });
        claims[change.0] = change.1;
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        check(&token, &with(&[]), "nonce", UnixTime(NOW)).map(|person| person.name)
    }

    #[test]
    fn each_claim_is_checked() {
        for (name, value, expected) in [
            ("ver", json!("2.0"), Ok("Ada Marsh".to_owned())),
            ("name", Value::Null, Ok("ada@example.com".to_owned())),
            ("exp", json!(NOW - 299), Ok("Ada Marsh".to_owned())),
            ("exp", json!(NOW - 300), Err(IdTokenFault::Expired)),
            ("exp", json!("soon"), Err(IdTokenFault::Malformed)),
            ("iss", json!("https://login.example/v2.0"), Err(IdTokenFault::Issuer)),
            ("aud", json!(API), Err(IdTokenFault::Audience)),
            ("aud", json!([APP, API]), Err(IdTokenFault::Malformed)),
            ("tid", json!(API), Err(IdTokenFault::Tenant)),
            ("nonce", json!("another"), Err(IdTokenFault::Nonce)),
            ("nonce", Value::Null, Err(IdTokenFault::Nonce)),
        ] {
            assert_eq!(judge((name, value.clone())), expected, "{name} = {value}");
        }
    }
}
