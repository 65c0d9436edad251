//! Requests with a token of an application itself: what its roles allow.

use http::{Method, Response, StatusCode};

use super::{error::GraphError, me};
use crate::{
    directory::Directory,
    tokens::graph_token::GraphToken,
    wire::{IncomingRequest, ResponseBody},
};

/// The permission for the profile of anybody.
const PROFILES: &str = "User.Read.All";

pub(super) fn respond(
    directory: &Directory,
    token: &GraphToken,
    incoming: &IncomingRequest,
) -> Result<Response<ResponseBody>, GraphError> {
    match *incoming.path_segments() {
        ["v1.0", "me", ..] => Err(GraphError::new(
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "Nobody is signed in with this token, so there is no /me.",
        )),
        ["v1.0", "users", id] if token.has_role(PROFILES) => {
            if incoming.method != Method::GET {
                return Err(GraphError::method_not_allowed(&incoming.method));
            }
            let person = directory.roster.by_object_id(id).filter(|person| person.tenant_id == token.claim("tid"));
            me::respond(directory, &*person.ok_or_else(|| GraphError::not_found(id))?, incoming)
        }
        _ => Err(GraphError::forbidden()),
    }
}
