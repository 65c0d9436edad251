//! The platform on which an application runs: the endpoints of managed identities, and the token issuer of a cluster.

mod cluster;
mod managed_identity;

use http::{Response, StatusCode};

use crate::{
    directory::Directory,
    endpoint::Endpoint,
    wire::{self, IncomingRequest, ResponseBody},
};

enum Route {
    /// `IDENTITY_ENDPOINT` of App Service and Container Apps.
    AppService,
    /// The instance metadata service of virtual machines.
    InstanceMetadata,
    ClusterConfiguration,
    ClusterKeys,
    Unknown,
}

impl Route {
    fn of(directory: &Directory, incoming: &IncomingRequest) -> Self {
        let issuer = directory.workload.cluster.issuer.trim_end_matches('/');
        let is_cluster = |id: &str| issuer.rsplit('/').next() == Some(id);
        match *incoming.path_segments() {
            ["msi", "token"] => Self::AppService,
            ["metadata", "identity", "oauth2", "token"] => Self::InstanceMetadata,
            [id, ".well-known", "openid-configuration"] if is_cluster(id) => Self::ClusterConfiguration,
            [id, "openid", "v1", "jwks"] if is_cluster(id) => Self::ClusterKeys,
            _ => Self::Unknown,
        }
    }
}

pub(crate) fn endpoint(directory: &Directory, incoming: &IncomingRequest) -> Endpoint {
    match Route::of(directory, incoming) {
        Route::AppService | Route::InstanceMetadata => Endpoint::ManagedIdentity,
        Route::ClusterConfiguration | Route::ClusterKeys => Endpoint::ClusterIssuer,
        Route::Unknown => Endpoint::Unknown,
    }
}

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    match Route::of(directory, incoming) {
        Route::AppService => managed_identity::respond_as_app_service(directory, incoming),
        Route::InstanceMetadata => managed_identity::respond_as_instance_metadata(directory, incoming),
        Route::ClusterConfiguration => cluster::configuration(directory),
        Route::ClusterKeys => cluster::keys(directory),
        Route::Unknown => wire::response(StatusCode::NOT_FOUND, "text/plain", "Not a path of the emulated platform.\n"),
    }
}
