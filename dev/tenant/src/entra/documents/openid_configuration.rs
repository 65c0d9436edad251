//! OpenID provider metadata (OpenID Connect Discovery 1.0, section 3) in Entra's two versions.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    directory::{
        Directory,
        well_known::{CLOUD, v1_issuer},
    },
    entra::{
        authority::{Authority, Version},
        response_headers,
    },
    jwt::object,
    wire::{self, IncomingRequest, ResponseBody},
};

pub(crate) fn respond(
    directory: &Directory,
    incoming: &IncomingRequest,
    tenant: &str,
    version: Version,
) -> Response<ResponseBody> {
    let authority = match Authority::of(directory, tenant) {
        Ok(authority) => authority,
        Err(failure) => return failure.into_response(incoming),
    };
    let mut response = wire::json_response(StatusCode::OK, &metadata(directory, &authority, tenant, version));
    response_headers::add_for_document(&mut response);
    response
}

fn metadata(directory: &Directory, authority: &Authority<'_>, tenant: &str, version: Version) -> Value {
    let host = &directory.urls.authority;
    let issuer = match version {
        Version::One => v1_issuer(authority.placeholder()),
        Version::Two => directory.v2_issuer(authority.placeholder()),
    };
    // The paths name one directory by its id, and `common` and the like by their word.
    let name = match authority {
        Authority::Single(tenant_id) => tenant_id,
        Authority::Any => tenant,
    };
    // The v1 endpoint sends every directory to the keys of `common`.
    let (oauth2, keys) = match version {
        Version::One => ("oauth2", "common/discovery/keys".to_owned()),
        Version::Two => ("oauth2/v2.0", format!("{name}/discovery/v2.0/keys")),
    };
    let mut metadata = object(json!({
        "token_endpoint": format!("{host}/{name}/{oauth2}/token"),
        "token_endpoint_auth_methods_supported": [
            "client_secret_post", "private_key_jwt", "client_secret_basic", "self_signed_tls_client_auth",
        ],
        "jwks_uri": format!("{host}/{keys}"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer,
        "authorization_endpoint": format!("{host}/{name}/{oauth2}/authorize"),
        "device_authorization_endpoint": format!("{host}/{name}/{oauth2}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{host}/{name}/{oauth2}/logout"),
        "kerberos_endpoint": format!("{host}/{name}/kerberos"),
        "mtls_endpoint_aliases": {
            "token_endpoint": format!("https://mtlsauth.microsoft.com/{name}/{oauth2}/token"),
        },
        "tls_client_certificate_bound_access_tokens": true,
        "tenant_region_scope": match authority {
            Authority::Single(_) => json!("EU"),
            Authority::Any => Value::Null,
        },
        "cloud_instance_name": CLOUD,
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }));
    metadata.extend(object(match version {
        Version::One => json!({
            "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
            "scopes_supported": ["openid"],
            "microsoft_multi_refresh_token": true,
            "check_session_iframe": format!("{host}/{name}/oauth2/checksession"),
            "userinfo_endpoint": format!("{host}/{name}/openid/userinfo"),
            "claims_supported": [
                "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
                "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "email", "given_name",
                "family_name", "nickname",
            ],
        }),
        Version::Two => json!({
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{}/oidc/userinfo", directory.urls.graph),
            "claims_supported": [
                "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name",
                "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name",
                "tid", "ver", "at_hash", "c_hash", "email",
            ],
        }),
    }));
    Value::Object(metadata)
}
