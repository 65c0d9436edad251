//! The secrets of one Azure Key Vault: <https://learn.microsoft.com/rest/api/keyvault/secrets>.

mod error;

use http::{HeaderName, Method, Response, StatusCode, header};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    directory::{Directory, well_known::v1_issuer},
    endpoint::Endpoint,
    jwt::{Object, UnverifiedJwt},
    random, time,
    wire::{self, IncomingRequest, ResponseBody},
};
use error::VaultError;

/// As documented, in bytes.
const LARGEST_SECRET: usize = 25 * 1024;

enum Route<'a> {
    /// All secrets, without their values.
    Secrets,
    /// A version of a secret; the current one if the version is empty.
    Secret {
        name: &'a str,
        version: &'a str,
    },
    Deleted {
        name: &'a str,
    },
    Recover {
        name: &'a str,
    },
    Unknown,
}

impl<'a> Route<'a> {
    fn of(incoming: &'a IncomingRequest) -> Self {
        match *incoming.path_segments() {
            ["secrets"] | ["secrets", ""] => Self::Secrets,
            ["secrets", name] => Self::Secret { name, version: "" },
            ["secrets", name, version] => Self::Secret { name, version },
            ["deletedsecrets", name] => Self::Deleted { name },
            ["deletedsecrets", name, "recover"] => Self::Recover { name },
            _ => Self::Unknown,
        }
    }
}

pub(crate) fn endpoint(incoming: &IncomingRequest) -> Endpoint {
    match Route::of(incoming) {
        Route::Unknown => Endpoint::Unknown,
        _ => Endpoint::VaultSecret,
    }
}

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    let mut response = dispatch(directory, incoming).unwrap_or_else(|error| error.into_response(directory));
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

fn dispatch(directory: &Directory, incoming: &IncomingRequest) -> Result<Response<ResponseBody>, VaultError> {
    let access = authorize(directory, incoming)?;
    let route = Route::of(incoming);
    if !incoming.query().iter().any(|(name, version)| name == "api-version" && !version.is_empty()) {
        return Err(VaultError::bad_parameter("The query parameter api-version is required."));
    }
    let name = match route {
        Route::Secret { name, .. } | Route::Deleted { name } | Route::Recover { name } => name,
        Route::Secrets => "",
        Route::Unknown => return Err(VaultError::bad_parameter("The path is not one of the emulated vault's.")),
    };
    if !matches!(route, Route::Secrets) && !is_secret_name(name) {
        return Err(VaultError::bad_parameter("The name of a secret is 1 to 127 letters, digits and hyphens."));
    }
    if incoming.method != Method::GET || matches!(route, Route::Deleted { .. }) {
        access.expect_write()?;
    }
    let url = &directory.urls.vault;
    let vault = &directory.vault;
    let not_found = || VaultError::not_found(name, "");
    let body = match (&incoming.method, route) {
        (&Method::GET, Route::Secrets) => {
            let items: Vec<Value> = vault.current().iter().map(|secret| secret.to_item(url)).collect();
            json!({"value": items, "nextLink": null})
        }
        (&Method::GET, Route::Secret { name, version }) => {
            let secret = vault.get(name, version).ok_or_else(|| VaultError::not_found(name, version))?;
            match secret.is_enabled() {
                true => secret.to_json(url),
                false => return Err(VaultError::disabled()),
            }
        }
        (&Method::PUT, Route::Secret { name, version: "" }) => {
            let new = NewSecret::parse(incoming)?;
            let enabled = new.attributes.enabled.unwrap_or(true);
            let secret = vault.write(name, new.value, new.content_type, new.tags, enabled);
            secret.ok_or_else(|| VaultError::deleted(name))?.to_json(url)
        }
        (&Method::DELETE, Route::Secret { name, version: "" }) => {
            vault.delete(name).ok_or_else(not_found)?.to_deleted_json(url)
        }
        (&Method::GET, Route::Deleted { name }) => vault.deleted(name).ok_or_else(not_found)?.to_deleted_json(url),
        (&Method::POST, Route::Recover { name }) => vault.recover(name).ok_or_else(not_found)?.to_json(url),
        (&Method::DELETE, Route::Deleted { name }) => {
            if !vault.purge(name) {
                return Err(not_found());
            }
            return Ok(wire::no_content());
        }
        _ => {
            let message = "The emulated vault does not accept this method here.";
            return Err(VaultError::new(StatusCode::METHOD_NOT_ALLOWED, "BadParameter", message));
        }
    };
    Ok(wire::json_response(StatusCode::OK, &body))
}

/// The body of a `PUT`: <https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewSecret {
    value: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    tags: Option<Object>,
    #[serde(default)]
    attributes: NewAttributes,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct NewAttributes {
    enabled: Option<bool>,
}

impl NewSecret {
    fn parse(incoming: &IncomingRequest) -> Result<Self, VaultError> {
        let is_json = incoming.header("content-type").is_some_and(|value| {
            value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
        let secret = serde_json::from_slice::<Self>(&incoming.body).ok().filter(|_| is_json);
        let secret = secret.ok_or_else(|| {
            VaultError::bad_parameter("The body must be JSON with 'value', and at most contentType, tags, attributes.")
        })?;
        match secret.value.len() <= LARGEST_SECRET {
            true => Ok(secret),
            false => Err(VaultError::bad_parameter("The secret is longer than 25 kilobytes.")),
        }
    }
}

fn is_secret_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// What a caller may do with secrets.
#[derive(PartialEq, Eq)]
enum Access {
    /// As in the role Key Vault Secrets User.
    Read { client_id: String },
    /// As in the role Key Vault Secrets Officer.
    Write,
}

impl Access {
    fn expect_write(&self) -> Result<(), VaultError> {
        match self {
            Self::Write => Ok(()),
            Self::Read { client_id } => Err(VaultError::forbidden(client_id)),
        }
    }
}

/// The caller must have a live token that Entra signed for a vault, and a role: the reader and managed identities may
/// read, administrators may write.
fn authorize(directory: &Directory, incoming: &IncomingRequest) -> Result<Access, VaultError> {
    let token = incoming
        .bearer_token()
        .ok_or_else(|| VaultError::unauthorized("AKV10000: The request has no Bearer token."))?;
    let refuse = |message| Err(VaultError::unauthorized(message));
    let Some(jwt) = UnverifiedJwt::parse(token) else {
        return refuse("AKV10001: The token is not a JSON Web Token.");
    };
    let key = jwt.header("kid").and_then(|key_id| directory.keys.find_accepted(key_id));
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
    let client_id = jwt.claim("appid").unwrap_or_default();
    let is_administrator = jwt.claim("idtyp") == Some("user")
        && jwt.claim("oid").and_then(|oid| directory.roster.by_object_id(oid)).is_some_and(|it| it.is_administrator);
    let mut identities = directory.workload.identities().into_iter().map(|identity| &identity.client);
    let is_reader = jwt.claim("idtyp") == Some("app")
        && (client_id == directory.vault_reader.client_id || identities.any(|it| client_id == it.client_id));
    match (is_administrator, is_reader) {
        (true, _) => Ok(Access::Write),
        (false, true) => Ok(Access::Read { client_id: client_id.to_owned() }),
        (false, false) => Err(VaultError::forbidden(client_id)),
    }
}
