//! One Azure Key Vault: reading secrets, <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret>.

mod error;

use http::{HeaderName, Method, Response, StatusCode, header};

use crate::{
    directory::{Directory, well_known::v1_issuer},
    endpoint::Endpoint,
    jwt::UnverifiedJwt,
    random, time,
    wire::{self, IncomingRequest, ResponseBody},
};
use error::VaultError;

pub(crate) fn endpoint(incoming: &IncomingRequest) -> Endpoint {
    match *incoming.path_segments() {
        ["secrets", _] | ["secrets", _, _] => Endpoint::VaultSecret,
        _ => Endpoint::Unknown,
    }
}

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    let mut response = read(directory, incoming).unwrap_or_else(|error| error.into_response(directory));
    wire::set_header(&mut response, header::CACHE_CONTROL, "no-cache");
    wire::set_header(&mut response, header::PRAGMA, "no-cache");
    wire::set_header(&mut response, header::EXPIRES, "-1");
    wire::set_header(&mut response, HeaderName::from_static("x-ms-keyvault-region"), "emulated");
    wire::set_header(&mut response, HeaderName::from_static("x-ms-keyvault-service-version"), "1.9.0.0");
    let network = "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;";
    wire::set_header(&mut response, HeaderName::from_static("x-ms-keyvault-network-info"), network);
    wire::set_header(&mut response, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000;includeSubDomains");
    wire::set_header(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if let Some(id) = incoming.header("x-ms-client-request-id") {
        wire::set_header(&mut response, HeaderName::from_static("x-ms-client-request-id"), id);
    }
    wire::set_header(&mut response, HeaderName::from_static("x-ms-request-id"), &random::guid());
    response
}

fn read(directory: &Directory, incoming: &IncomingRequest) -> Result<Response<ResponseBody>, VaultError> {
    authorize(directory, incoming)?;
    let segments = incoming.path_segments();
    let (name, version) = match *segments {
        ["secrets", name] => (name, ""),
        ["secrets", name, version] => (name, version),
        _ => return Err(VaultError::bad_parameter("The path is not one of the emulated vault's.")),
    };
    if incoming.method != Method::GET {
        return Err(VaultError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "BadParameter",
            "The emulated vault is read only.",
        ));
    }
    if !incoming.query().iter().any(|(name, version)| name == "api-version" && !version.is_empty()) {
        return Err(VaultError::bad_parameter("The query parameter api-version is required."));
    }
    if !is_secret_name(name) {
        return Err(VaultError::bad_parameter("The name of a secret is 1 to 127 letters, digits and hyphens."));
    }
    let secret = directory.vault.get(name, version).ok_or_else(|| VaultError::not_found(name, version))?;
    if !secret.is_enabled() {
        return Err(VaultError::disabled());
    }
    Ok(wire::json_response(StatusCode::OK, &secret.to_json(&directory.urls.vault)))
}

fn is_secret_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The caller must be the reader's identity, with a live token that Entra signed for a vault.
fn authorize(directory: &Directory, incoming: &IncomingRequest) -> Result<(), VaultError> {
    let token = incoming
        .bearer_token()
        .ok_or_else(|| VaultError::unauthorized("AKV10000: The request has no Bearer token."))?;
    let refuse = |message| Err(VaultError::unauthorized(message));
    let Some(jwt) = UnverifiedJwt::parse(token) else {
        return refuse("AKV10001: The token is not a JSON Web Token.");
    };
    let key = jwt.header("kid").and_then(|key_id| directory.keys.find(key_id));
    let verified = key.is_some_and(|key| key.verifies_rs256(jwt.signing_input.as_bytes(), &jwt.signature));
    if !verified || jwt.header("alg") != Some("RS256") {
        return refuse("AKV10046: The signature of the token cannot be verified.");
    }
    if jwt.claim("iss") != Some(&v1_issuer(&directory.tenant_id)) {
        return refuse("AKV10032: The token was issued by another tenant.");
    }
    if !directory.vault_audiences().iter().any(|audience| jwt.claim("aud") == Some(audience)) {
        return refuse("AKV10022: The audience of the token is not a vault.");
    }
    let now = time::now();
    if jwt.moment("nbf").is_none_or(|start| start > now) || jwt.moment("exp").is_none_or(|end| end <= now) {
        return refuse("AKV10045: The token has expired, or is not valid yet.");
    }
    match jwt.claim("appid") == Some(&directory.vault_reader.client_id) {
        true => Ok(()),
        false => Err(VaultError::forbidden(jwt.claim("appid").unwrap_or_default())),
    }
}
