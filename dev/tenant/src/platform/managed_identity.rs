//! Tokens of managed identities, by the two protocols in which applications get them:
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference> and
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>.

use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    claims_request::ClaimsRequest,
    directory::{
        Directory,
        managed_identity::ManagedIdentity,
        well_known::{GRAPH, GRAPH_CLIENT_ID, TOKEN_EXCHANGE, TOKEN_EXCHANGE_CLIENT_ID},
    },
    random, time,
    tokens::app_token::{self, Principal},
    wire::{self, IncomingRequest, ResponseBody},
};

/// Tokens of managed identities live for a day, and are the same for hours; here each is new.
const LIFETIME: i64 = 24 * 3600 - 1;
/// The version of App Service's protocol.
const APP_SERVICE_VERSION: &str = "2019-08-01";
/// The first version of the instance metadata service that has tokens.
const FIRST_METADATA_VERSION: &str = "2018-02-01";

pub(super) fn respond_as_app_service(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    if incoming.header("x-identity-header") != Some(&directory.workload.identity_header) {
        return wire::response(StatusCode::FORBIDDEN, "text/plain", "");
    }
    let refuse = |status: StatusCode, message: &str| {
        let body = json!({"statusCode": status.as_u16(), "message": message, "correlationId": random::guid()});
        wire::json_response(status, &body)
    };
    if incoming.method != Method::GET {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "The request must be a GET request.");
    }
    if parameter(incoming, "api-version").as_deref() != Some(APP_SERVICE_VERSION) {
        return refuse(StatusCode::BAD_REQUEST, &format!("The api-version must be {APP_SERVICE_VERSION}."));
    }
    let Some(resource) = parameter(incoming, "resource") else {
        return refuse(StatusCode::BAD_REQUEST, "The parameter 'resource' is missing.");
    };
    let Some(identity) = chosen(directory, incoming, ["client_id", "principal_id", "mi_res_id"]) else {
        return refuse(StatusCode::BAD_REQUEST, "This machine has no managed identity with the given id.");
    };
    match token(directory, identity, &resource) {
        Some(token) => {
            let body = json!({
                "access_token": token,
                "client_id": identity.client.client_id,
                "expires_on": (time::now() + LIFETIME).to_string(),
                "resource": resource,
                "token_type": "Bearer",
            });
            wire::json_response(StatusCode::OK, &body)
        }
        None => refuse(StatusCode::BAD_REQUEST, &unknown_resource(directory, &resource)),
    }
}

pub(super) fn respond_as_instance_metadata(
    directory: &Directory,
    incoming: &IncomingRequest,
) -> Response<ResponseBody> {
    let refuse = |error: &str, message: &str| {
        let body = json!({"error": error, "error_description": message});
        wire::json_response(StatusCode::BAD_REQUEST, &body)
    };
    let is_local = incoming.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        && !incoming.headers.contains_key("x-forwarded-for");
    if !is_local {
        return refuse("invalid_request", "The header 'Metadata: true' is required, and X-Forwarded-For is refused.");
    }
    if incoming.method != Method::GET {
        return wire::json_response(StatusCode::METHOD_NOT_ALLOWED, &json!({"error": "method_not_allowed"}));
    }
    let is_version = |version: &String| version.len() == 10 && version.as_str() >= FIRST_METADATA_VERSION;
    if !parameter(incoming, "api-version").as_ref().is_some_and(is_version) {
        return refuse("bad_request_102", "The parameter 'api-version' is missing or not a version with tokens.");
    }
    let Some(resource) = parameter(incoming, "resource") else {
        return refuse("invalid_request", "The parameter 'resource' is missing.");
    };
    let Some(identity) = chosen(directory, incoming, ["client_id", "object_id", "msi_res_id"]) else {
        return refuse("invalid_request", "This machine has no managed identity with the given id.");
    };
    let Some(token) = token(directory, identity, &resource) else {
        return refuse("invalid_resource", &unknown_resource(directory, &resource));
    };
    let now = time::now();
    // All values are strings.
    let body = json!({
        "access_token": token,
        "client_id": identity.client.client_id,
        "expires_in": LIFETIME.to_string(),
        "expires_on": (now + LIFETIME).to_string(),
        "ext_expires_in": LIFETIME.to_string(),
        "not_before": (now - 300).to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    wire::json_response(StatusCode::OK, &body)
}

fn parameter(incoming: &IncomingRequest, name: &str) -> Option<String> {
    incoming.query().into_iter().find(|pair| pair.0 == name).map(|pair| pair.1).filter(|value| !value.is_empty())
}

/// The identity that a request names by one of these parameters: client id, object id or resource id. Without any it
/// is the system-assigned one.
fn chosen<'d>(
    directory: &'d Directory,
    incoming: &IncomingRequest,
    parameters: [&str; 3],
) -> Option<&'d ManagedIdentity> {
    let workload = &directory.workload;
    let [client_id, object_id, resource_id] = parameters.map(|name| parameter(incoming, name));
    if client_id.is_none() && object_id.is_none() && resource_id.is_none() {
        return Some(&workload.system_assigned);
    }
    workload.identities().into_iter().find(|identity| {
        let is = |sent: &Option<String>, own: &str| sent.as_ref().is_none_or(|sent| sent.eq_ignore_ascii_case(own));
        is(&client_id, &identity.client.client_id)
            && is(&object_id, &identity.client.service_principal_id)
            && is(&resource_id, &identity.resource_id)
    })
}

/// A token for `resource`, unless there is no such resource.
fn token(directory: &Directory, identity: &ManagedIdentity, resource: &str) -> Option<String> {
    let principal = Principal {
        client_id: &identity.client.client_id,
        object_id: &identity.client.service_principal_id,
        tenant_id: &directory.tenant_id,
        managed_identity: Some(&identity.resource_id),
    };
    match resource.trim_end_matches('/') {
        TOKEN_EXCHANGE => Some(app_token::sign_v2(directory, &principal, TOKEN_EXCHANGE_CLIENT_ID, LIFETIME)),
        GRAPH | GRAPH_CLIENT_ID => {
            Some(app_token::sign_for_graph(directory, &principal, &[], &ClaimsRequest::default(), LIFETIME))
        }
        resource if directory.vault_audiences().iter().any(|audience| audience == resource) => {
            Some(app_token::sign_v1(directory, &principal, resource, LIFETIME))
        }
        _ => None,
    }
}

/// Entra's refusal, passed on by the endpoint.
fn unknown_resource(directory: &Directory, resource: &str) -> String {
    let tenant_id = Value::from(directory.tenant_id.as_str());
    format!("AADSTS500011: There is no resource '{resource}' in the tenant {tenant_id}.")
}
