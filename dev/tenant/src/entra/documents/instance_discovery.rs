//! The first request of MSAL clients: which hosts belong to the same cloud as the configured one.

use http::{Response, StatusCode, header};
use serde_json::json;
use url::Url;

use crate::{
    directory::Directory,
    entra::{error::EntraError, parameters::Parameters, response_headers},
    wire::{self, IncomingRequest, ResponseBody},
};

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    let mut response = discover(directory, incoming).unwrap_or_else(|failure| failure.into_response(incoming));
    wire::set_header(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    response
}

fn discover(directory: &Directory, incoming: &IncomingRequest) -> Result<Response<ResponseBody>, EntraError> {
    let parameters = Parameters::of_query(incoming)?;
    let endpoint = parameters.required("authorization_endpoint")?;
    let unknown = || {
        let message = format!("The authorization_endpoint is of an unknown instance: '{endpoint}'.");
        EntraError::new("invalid_instance", 50049, message)
    };
    let own = Url::parse(&directory.urls.authority).map_err(|_| unknown())?;
    let endpoint = Url::parse(endpoint).ok().filter(|endpoint| endpoint.host() == own.host()).ok_or_else(unknown)?;
    let tenant = endpoint.path_segments().and_then(|mut segments| segments.next()).unwrap_or("common");
    // Entra's own names have no port: some clients know this host with it, some without.
    let (host, authority) = (own.host_str().unwrap_or_default(), own.authority());
    let body = json!({
        "tenant_discovery_endpoint":
            format!("{}/{tenant}/v2.0/.well-known/openid-configuration", directory.urls.authority),
        "api-version": parameters.optional("api-version").unwrap_or("1.1"),
        "metadata": [
            {"preferred_network": authority, "preferred_cache": authority, "aliases": [authority, host]},
        ],
    });
    let mut response = wire::json_response(StatusCode::OK, &body);
    response_headers::add_for_document(&mut response);
    Ok(response)
}
