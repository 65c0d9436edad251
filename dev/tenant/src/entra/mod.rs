//! The Entra login host: discovery, the browser's side of a sign-in, the token endpoint, and the emulator's own pages.

mod authority;
mod browser;
mod client_info;
mod documents;
mod error;
mod mint;
mod parameters;
mod permission;
mod request_ids;
mod response_headers;
mod scope;
mod token_endpoint;

use http::{Response, StatusCode};

use crate::{
    directory::Directory,
    endpoint::Endpoint,
    page,
    wire::{self, IncomingRequest, ResponseBody},
};
use authority::Version;
use browser::{admin_consent, authorize, logout, pages};
use documents::{instance_discovery, key_set, openid_configuration};

enum Route<'a> {
    OpenIdConfiguration {
        tenant: &'a str,
        version: Version,
    },
    KeySet {
        tenant: &'a str,
        version: Version,
    },
    InstanceDiscovery,
    Authorize {
        tenant: &'a str,
    },
    /// The target of the forms of the authorization endpoint's pages.
    SignInForm {
        tenant: &'a str,
    },
    AdminConsent {
        tenant: &'a str,
    },
    Logout {
        tenant: &'a str,
    },
    Token {
        tenant: &'a str,
    },
    FrontPage,
    Mint,
    Unknown,
}

impl<'a> Route<'a> {
    fn of(incoming: &'a IncomingRequest) -> Self {
        match *incoming.path_segments() {
            [tenant, ".well-known", "openid-configuration"] => {
                Self::OpenIdConfiguration { tenant, version: Version::One }
            }
            [tenant, "v2.0", ".well-known", "openid-configuration"] => {
                Self::OpenIdConfiguration { tenant, version: Version::Two }
            }
            [tenant, "discovery", "keys"] => Self::KeySet { tenant, version: Version::One },
            [tenant, "discovery", "v2.0", "keys"] => Self::KeySet { tenant, version: Version::Two },
            [tenant, "oauth2", "v2.0", "token"] => Self::Token { tenant },
            ["common", "discovery", "instance"] => Self::InstanceDiscovery,
            [tenant, "oauth2", "v2.0", "authorize"] => Self::Authorize { tenant },
            [tenant, "login"] => Self::SignInForm { tenant },
            [tenant, "v2.0", "adminconsent"] => Self::AdminConsent { tenant },
            [tenant, "oauth2", "v2.0", "logout"] => Self::Logout { tenant },
            ["emulator", "token"] => Self::Mint,
            [""] => Self::FrontPage,
            _ => Self::Unknown,
        }
    }
}

pub(crate) fn endpoint(incoming: &IncomingRequest) -> Endpoint {
    match Route::of(incoming) {
        Route::OpenIdConfiguration { .. } => Endpoint::OpenIdConfiguration,
        Route::KeySet { .. } => Endpoint::KeySet,
        Route::InstanceDiscovery => Endpoint::InstanceDiscovery,
        Route::Authorize { .. } | Route::SignInForm { .. } => Endpoint::Authorize,
        Route::AdminConsent { .. } => Endpoint::AdminConsent,
        Route::Logout { .. } => Endpoint::Logout,
        Route::Token { .. } if token_endpoint::is_client_credentials(incoming) => Endpoint::ClientCredentials,
        Route::Token { .. } => Endpoint::Token,
        Route::FrontPage | Route::Mint => Endpoint::Emulator,
        Route::Unknown => Endpoint::Unknown,
    }
}

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    match Route::of(incoming) {
        Route::OpenIdConfiguration { tenant, version } => {
            openid_configuration::respond(directory, incoming, tenant, version)
        }
        Route::KeySet { tenant, version } => key_set::respond(directory, incoming, tenant, version),
        Route::InstanceDiscovery => instance_discovery::respond(directory, incoming),
        Route::Authorize { tenant } => authorize::respond(directory, incoming, tenant),
        Route::SignInForm { tenant } => authorize::respond_to_form(directory, incoming, tenant),
        Route::AdminConsent { tenant } => admin_consent::respond(directory, incoming, tenant),
        Route::Logout { tenant } => logout::respond(directory, incoming, tenant),
        Route::Token { tenant } => token_endpoint::respond(directory, incoming, tenant),
        Route::FrontPage => {
            page::response(StatusCode::OK, &pages::FrontPage { people: directory.roster.listed() }, None)
        }
        Route::Mint => mint::respond(directory, incoming),
        Route::Unknown => {
            wire::response(StatusCode::NOT_FOUND, "text/plain", "Not a path of the emulated login host.\n")
        }
    }
}
