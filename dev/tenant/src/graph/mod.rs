//! Microsoft Graph: the signed-in person's profile and photo, app registrations, service principals and consents.

mod application_token;
mod applications;
mod caller;
mod error;
mod me;
mod odata;
mod permission_grants;
mod photo;
mod service_principals;

use http::{Method, Response};

use crate::{
    directory::Directory,
    endpoint::Endpoint,
    wire::{IncomingRequest, ResponseBody},
};
use caller::Caller;
use error::GraphError;
use odata::Address;

/// The permission for a person's own profile.
const PROFILE: [&str; 1] = ["User.Read"];

enum Route {
    Me,
    Photo,
    Applications(Address),
    ServicePrincipals(Address),
    PermissionGrants(Address),
    /// Applications that were deleted, with the rest of the path.
    DeletedItems(Vec<String>),
    Unknown,
}

impl Route {
    fn of(incoming: &IncomingRequest) -> Self {
        match *incoming.path_segments() {
            ["v1.0", "me"] => return Self::Me,
            ["v1.0", "me", "photo", "$value"] => return Self::Photo,
            ["v1.0", ..] => {}
            _ => return Self::Unknown,
        }
        let segments = odata::segments(incoming);
        if let [directory, items, rest @ ..] = segments.as_slice()
            && directory == "directory"
            && items == "deletedItems"
        {
            return Self::DeletedItems(rest.to_vec());
        }
        let parse = |collection: &str| Address::parse(&segments, collection);
        let applications = parse("applications").map(Self::Applications);
        let service_principals = || parse("servicePrincipals").map(Self::ServicePrincipals);
        let grants = || parse("oauth2PermissionGrants").map(Self::PermissionGrants);
        applications.or_else(service_principals).or_else(grants).unwrap_or(Self::Unknown)
    }
}

pub(crate) fn endpoint(incoming: &IncomingRequest) -> Endpoint {
    match Route::of(incoming) {
        Route::Me => Endpoint::GraphMe,
        Route::Photo => Endpoint::GraphPhoto,
        Route::Applications(_) | Route::DeletedItems(_) => Endpoint::GraphApplications,
        Route::ServicePrincipals(_) => Endpoint::GraphServicePrincipals,
        Route::PermissionGrants(_) => Endpoint::GraphPermissionGrants,
        Route::Unknown => Endpoint::Unknown,
    }
}

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    let mut response = dispatch(directory, incoming).unwrap_or_else(|error| error.into_response(incoming));
    error::add_common_headers(&mut response, incoming);
    response
}

fn dispatch(directory: &Directory, incoming: &IncomingRequest) -> Result<Response<ResponseBody>, GraphError> {
    let token = caller::verified_token(directory, incoming)?;
    if token.is_of_application() {
        return application_token::respond(directory, &token, incoming);
    }
    let caller = Caller::of(directory, token)?;
    match Route::of(incoming) {
        Route::Me => {
            caller.require(&PROFILE)?;
            only_get(incoming)?;
            me::respond(directory, &caller.person, incoming)
        }
        Route::Photo => {
            caller.require(&PROFILE)?;
            only_get(incoming)?;
            photo::respond(&caller.person)
        }
        Route::Applications(address) => applications::respond(directory, &caller, incoming, &address),
        Route::ServicePrincipals(address) => service_principals::respond(directory, &caller, incoming, &address),
        Route::PermissionGrants(address) => permission_grants::respond(directory, &caller, incoming, &address),
        Route::DeletedItems(path) => applications::respond_deleted(directory, &caller, incoming, &path),
        Route::Unknown => {
            caller.require(&PROFILE)?;
            Err(GraphError::unknown_path(incoming))
        }
    }
}

fn only_get(incoming: &IncomingRequest) -> Result<(), GraphError> {
    match incoming.method {
        Method::GET => Ok(()),
        _ => Err(GraphError::method_not_allowed(&incoming.method)),
    }
}
