//! The public documents of a cluster's token issuer:
//! <https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery>.

use http::{Response, StatusCode};
use serde_json::json;

use crate::{
    directory::Directory,
    wire::{self, ResponseBody},
};

pub(super) fn configuration(directory: &Directory) -> Response<ResponseBody> {
    let issuer = &directory.workload.cluster.issuer;
    let body = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}openid/v1/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    wire::json_response(StatusCode::OK, &body)
}

pub(super) fn keys(directory: &Directory) -> Response<ResponseBody> {
    let mut key = directory.workload.cluster.key.json_web_key();
    // Kubernetes has no certificates for its keys.
    for member in ["x5t", "x5c"] {
        key.remove(member);
    }
    key.insert("alg".into(), "RS256".into());
    wire::json_response(StatusCode::OK, &json!({"keys": [key]}))
}
