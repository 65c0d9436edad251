//! How a confidential client proves who it is: a secret in the form, HTTP Basic, or a signed assertion.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{cross_origin, federated_assertion, request::TokenRequest};
use crate::{
    directory::{
        app_registration::{AppRegistration, Installation, Platform},
        credentials::SecretCheck,
    },
    entra::{authority::Authority, error::EntraError},
    jwt::UnverifiedJwt,
    time,
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The application that sent the request: a public client by its id and origin, any other one by a credential.
pub(super) fn identify(request: &TokenRequest<'_>) -> Result<Arc<AppRegistration>, EntraError> {
    let form = &request.form;
    let client_id = form.optional("client_id");
    match client_id.and_then(|client_id| request.directory.application(client_id)) {
        Some(client) if client.platform() == Platform::SinglePage => {
            check_installation(request, &client)?;
            cross_origin::check(&client, request.incoming)?;
            let authenticates = ["client_secret", "client_assertion"].iter().any(|name| form.optional(name).is_some());
            if authenticates || request.incoming.header("authorization").is_some() {
                let message = "The client is public, so it must not authenticate itself.";
                return Err(EntraError::new("invalid_client", 700_025, message));
            }
            Ok(client)
        }
        _ => authenticate(request),
    }
}

/// The confidential client that sent the request, by its credential.
pub(super) fn authenticate(request: &TokenRequest<'_>) -> Result<Arc<AppRegistration>, EntraError> {
    let client = authenticate_by_credential(request)?;
    check_installation(request, &client)?;
    cross_origin::check(&client, request.incoming)?;
    Ok(client)
}

fn authenticate_by_credential(request: &TokenRequest<'_>) -> Result<Arc<AppRegistration>, EntraError> {
    let form = &request.form;
    if let Some((client_id, secret)) = basic_credentials(request)? {
        if form.optional("client_secret").is_some() || form.optional("client_assertion").is_some() {
            let message = "The client authenticates in more than one way (RFC 6749 section 2.3).";
            return Err(EntraError::new("invalid_request", 90023, message));
        }
        let application = find(request, &client_id)?;
        return check_secret(&application, &secret).map(|()| application);
    }
    let application = find(request, form.required("client_id")?)?;
    match (form.optional("client_secret"), form.optional("client_assertion")) {
        (Some(secret), None) => check_secret(&application, secret).map(|()| application),
        (None, Some(assertion)) => check_assertion(request, &application, assertion).map(|()| application),
        (Some(_), Some(_)) => {
            let message = "The client authenticates in more than one way (RFC 6749 section 2.3).";
            Err(EntraError::new("invalid_request", 90023, message))
        }
        (None, None) => {
            let message = "The body of the request lacks 'client_secret' or 'client_assertion'.";
            Err(EntraError::new("invalid_client", 7_000_218, message))
        }
    }
}

fn find(request: &TokenRequest<'_>, client_id: &str) -> Result<Arc<AppRegistration>, EntraError> {
    request.directory.application(client_id).ok_or_else(|| EntraError::unknown_application(client_id))
}

/// An application needs a service principal in the tenant whose token it requests.
fn check_installation(request: &TokenRequest<'_>, client: &AppRegistration) -> Result<(), EntraError> {
    let Authority::Single(tenant_id) = request.authority else { return Ok(()) };
    match client.installation(tenant_id, &request.directory.tenant_id) {
        Installation::Installed => Ok(()),
        Installation::Impossible => Err(EntraError::unknown_application(&client.client_id)),
        Installation::Missing => {
            let message =
                format!("The application '{}' has no service principal in the tenant '{tenant_id}'.", client.client_id);
            Err(EntraError::new("invalid_client", 7_000_229, message))
        }
    }
}

/// The id and secret of HTTP Basic, each form-encoded before the base64 (RFC 6749 section 2.3.1).
fn basic_credentials(request: &TokenRequest<'_>) -> Result<Option<(String, String)>, EntraError> {
    let Some(header) = request.incoming.header("authorization") else { return Ok(None) };
    let decode = || {
        let (scheme, credentials) = header.split_once(' ')?;
        let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
        let (client_id, secret) = credentials.split_once(':')?;
        scheme.eq_ignore_ascii_case("basic").then(|| (form_decode(client_id), form_decode(secret)))
    };
    let malformed = || EntraError::new("invalid_request", 90023, "The Authorization header has no Basic credentials.");
    decode().ok_or_else(malformed).map(Some)
}

fn form_decode(value: &str) -> String {
    let pair = format!("v={}", value.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).collect()
}

fn check_secret(application: &AppRegistration, secret: &str) -> Result<(), EntraError> {
    match application.check_secret(secret) {
        SecretCheck::Right => Ok(()),
        SecretCheck::Wrong => Err(EntraError::new(
            "invalid_client",
            7_000_215,
            format!(
                "This is not the client secret of the application '{}'. Send the value, not the id, of the secret.",
                application.client_id
            ),
        )),
        SecretCheck::Expired => Err(EntraError::new(
            "invalid_client",
            7_000_222,
            format!("The client secret of the application '{}' has expired.", application.client_id),
        )),
    }
}

/// Verifies a client assertion (RFC 7523 section 3) as
/// <https://learn.microsoft.com/entra/identity-platform/certificate-credentials> describes it.
fn check_assertion(
    request: &TokenRequest<'_>,
    application: &AppRegistration,
    assertion: &str,
) -> Result<(), EntraError> {
    if request.form.required("client_assertion_type")? != ASSERTION_TYPE {
        return Err(EntraError::new("invalid_request", 90023, "The client_assertion_type is not the one of RFC 7523."));
    }
    let refuse = |code, message: &str| EntraError::new("invalid_client", code, message);
    let jwt = UnverifiedJwt::parse(assertion)
        .ok_or_else(|| refuse(50027, "The client assertion is not a JSON Web Token."))?;
    if jwt.claim("iss") != Some(&application.client_id) && names_no_certificate(&jwt) {
        return federated_assertion::check(request.directory, application, &jwt);
    }
    verify_signature(application, &jwt)?;
    let client_id = Some(application.client_id.as_str());
    if jwt.claim("iss") != client_id || jwt.claim("sub") != client_id {
        return Err(refuse(700_021, "The issuer and subject of the client assertion must both be the client id."));
    }
    if !jwt.claim("aud").is_some_and(|audience| is_token_endpoint(request, audience)) {
        return Err(refuse(700_023, "The audience of the client assertion is not this token endpoint."));
    }
    let now = time::now();
    let started = jwt.moment("nbf").is_none_or(|start| start <= now);
    let lives = jwt.moment("exp").is_some_and(|end| end > now);
    match (started && lives, jwt.claim("jti")) {
        (false, _) => Err(refuse(700_024, "The client assertion is not within its time of validity.")),
        (true, None) => Err(refuse(50027, "The client assertion lacks the claim 'jti'.")),
        (true, Some(_)) => Ok(()),
    }
}

/// Whether the assertion can only be one of another issuer.
fn names_no_certificate(jwt: &UnverifiedJwt<'_>) -> bool {
    jwt.header("x5t").is_none() && jwt.header("x5t#S256").is_none()
        || jwt.claim("iss").is_some_and(|issuer| issuer.contains("://"))
}

fn verify_signature(application: &AppRegistration, jwt: &UnverifiedJwt<'_>) -> Result<(), EntraError> {
    let refuse = |code, message: &str| Err(EntraError::new("invalid_client", code, message));
    application.with_certificate(jwt.header("x5t"), jwt.header("x5t#S256"), |certificate| {
        let Some(certificate) = certificate else {
            return refuse(700_027, "The certificate that the client assertion names is not registered.");
        };
        let algorithm = jwt.header("alg").unwrap_or_default();
        if !certificate.verifies(algorithm, jwt.signing_input.as_bytes(), &jwt.signature) {
            return refuse(700_027, "The signature of the client assertion is wrong.");
        }
        if certificate.revoked {
            return refuse(7_000_214, "The certificate of the client assertion is revoked.");
        }
        Ok(())
    })
}

/// Whether `audience` is the token endpoint that received the request, under any name of its directory.
fn is_token_endpoint(request: &TokenRequest<'_>, audience: &str) -> bool {
    let named = || {
        let path = audience.strip_prefix(&request.directory.urls.authority)?;
        path.strip_prefix('/')?.strip_suffix("/oauth2/v2.0/token")
    };
    named().is_some_and(|segment| {
        Authority::of(request.directory, segment).is_ok_and(|authority| authority == request.authority)
    })
}
