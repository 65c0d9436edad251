//! Client assertions that another issuer signed:
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>.

use serde_json::Value;

use crate::{
    directory::{
        Directory,
        app_registration::AppRegistration,
        credentials::NoTrust,
        well_known::{TOKEN_EXCHANGE, TOKEN_EXCHANGE_CLIENT_ID},
    },
    entra::error::EntraError,
    jwt::UnverifiedJwt,
    time,
};

/// Checks that a federated credential of `application` trusts the assertion, and then the assertion itself.
pub(super) fn check(
    directory: &Directory,
    application: &AppRegistration,
    jwt: &UnverifiedJwt<'_>,
) -> Result<(), EntraError> {
    let refuse = |code, message: String| Err(EntraError::new("invalid_client", code, message));
    let (issuer, subject) = (jwt.claim("iss").unwrap_or_default(), jwt.claim("sub").unwrap_or_default());
    let audience = audience(jwt);
    let no_match = |claim: &str, value: &str| {
        format!("No federated credential of the application matches the {claim} '{value}' of the assertion.")
    };
    match application.trusts(issuer, subject, audience) {
        Ok(()) => {}
        Err(NoTrust::NoCredentials) => {
            let message = format!("The application '{}' has no federated credentials.", application.client_id);
            return refuse(70025, message);
        }
        Err(NoTrust::Issuer) => return refuse(700_211, no_match("issuer", issuer)),
        Err(NoTrust::Audience) => return refuse(700_212, no_match("audience", audience)),
        Err(NoTrust::Subject) => return refuse(700_213, no_match("subject", subject)),
        Err(NoTrust::SubjectCase) => {
            let message = no_match("subject", subject) + " It would match in another letter case.";
            return refuse(7_002_138, message);
        }
    }
    verify_signature(directory, issuer, jwt)?;
    let now = time::now();
    let started = jwt.moment("nbf").is_none_or(|start| start <= now);
    let lives = jwt.moment("exp").is_some_and(|end| end > now);
    match started && lives {
        true => Ok(()),
        false => refuse(700_024, "The client assertion is not within its time of validity.".to_owned()),
    }
}

/// The only audience, or the first. Entra's own tokens name the exchange by its client id, credentials by its URI.
fn audience<'t>(jwt: &'t UnverifiedJwt<'_>) -> &'t str {
    let audience = match jwt.unverified_claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.first().and_then(Value::as_str),
        Some(Value::String(audience)) => Some(audience.as_str()),
        _ => None,
    };
    match audience {
        Some(TOKEN_EXCHANGE_CLIENT_ID) => TOKEN_EXCHANGE,
        audience => audience.unwrap_or_default(),
    }
}

/// Verifies the signature by the keys of the issuer: of Entra itself for managed identities, or of the cluster.
fn verify_signature(directory: &Directory, issuer: &str, jwt: &UnverifiedJwt<'_>) -> Result<(), EntraError> {
    let refuse = |code, message: String| Err(EntraError::new("invalid_client", code, message));
    let key_id = jwt.header("kid").unwrap_or_default();
    let message = jwt.signing_input.as_bytes();
    let cluster = &directory.workload.cluster;
    let verified = if issuer == directory.v2_issuer(&directory.tenant_id) {
        if jwt.claim("xms_mirid").is_none() {
            return refuse(700_226, "Of Entra's own tokens, only those of managed identities are accepted.".to_owned());
        }
        directory.keys.find(key_id).map(|key| key.verifies_rs256(message, &jwt.signature))
    } else if issuer == cluster.issuer {
        (cluster.key.key_id() == key_id).then(|| cluster.key.verifies_rs256(message, &jwt.signature))
    } else {
        let message = format!("The metadata of the issuer '{issuer}' cannot be fetched.");
        return Err(EntraError::new("invalid_request", 50166, message));
    };
    match verified {
        Some(true) if jwt.header("alg") == Some("RS256") => Ok(()),
        Some(_) => refuse(700_027, "The signature of the client assertion is wrong.".to_owned()),
        None => refuse(7_000_272, format!("The metadata of the issuer '{issuer}' has no key '{key_id}'.")),
    }
}
