//! What MSAL clients ask first: which hosts are the same cloud as the one they are pointed at.

use http::{Response, StatusCode, header};
use serde_json::json;

use super::{failure::Failure, parameters::Parameters};
use crate::{
    directory::Directory,
    wire::{self, Body, Incoming},
};

pub(super) fn answer(directory: &Directory, incoming: &Incoming) -> Response<Body> {
    let mut answer = discover(directory, incoming).unwrap_or_else(|failure| failure.into_answer(incoming));
    wire::set_header(&mut answer, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    answer
}

fn discover(directory: &Directory, incoming: &Incoming) -> Result<Response<Body>, Failure> {
    let parameters = Parameters::of_query(incoming)?;
    let endpoint = parameters.required("authorization_endpoint")?;
    let (_, host) = directory.urls.authority.split_once("://").unwrap_or_default();
    let path = endpoint.split_once("://").and_then(|(_, rest)| rest.strip_prefix(host)?.strip_prefix('/'));
    let Some(tenant) = path.and_then(|path| path.split('/').next()).filter(|tenant| !tenant.is_empty()) else {
        let message = format!("The authorization_endpoint is of an unknown instance: '{endpoint}'.");
        return Err(Failure::new("invalid_instance", 50049, message));
    };
    let body = json!({
        "tenant_discovery_endpoint":
            format!("{}/{tenant}/v2.0/.well-known/openid-configuration", directory.urls.authority),
        "api-version": parameters.optional("api-version").unwrap_or("1.1"),
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    });
    Ok(wire::json_answer(StatusCode::OK, &body))
}
