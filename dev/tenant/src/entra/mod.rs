//! The Entra login host: discovery, the browser's side of a sign-in, the token endpoint, and the emulator's own pages.

mod admin_consent;
mod answer_headers;
mod assertion;
mod authorization_code;
mod authorize;
mod browser_cookie;
mod client_authentication;
mod client_credentials;
mod client_info;
mod cross_origin;
mod exchange_rules;
mod failure;
mod instance_discovery;
mod key_set;
mod logout;
mod mint;
mod on_behalf_of;
mod openid_configuration;
mod pages;
mod parameters;
mod permission;
mod recipient;
mod refresh_token;
mod scope;
mod sign_in_tokens;
mod token;

use http::{Response, StatusCode};

use crate::{
    directory::{Directory, MICROSOFT_ACCOUNT_TENANT},
    journal::Endpoint,
    wire::{self, Body, Incoming},
};
use failure::Failure;

/// The two versions of Entra's endpoints, which differ in issuers and claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

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
    /// Where the pages of the authorization endpoint send what a person chose.
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
    fn of(incoming: &'a Incoming) -> Self {
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

pub(crate) fn endpoint(incoming: &Incoming) -> Endpoint {
    match Route::of(incoming) {
        Route::OpenIdConfiguration { .. } => Endpoint::OpenIdConfiguration,
        Route::KeySet { .. } => Endpoint::KeySet,
        Route::InstanceDiscovery => Endpoint::InstanceDiscovery,
        Route::Authorize { .. } | Route::SignInForm { .. } => Endpoint::Authorize,
        Route::AdminConsent { .. } => Endpoint::AdminConsent,
        Route::Logout { .. } => Endpoint::Logout,
        Route::Token { .. } if token::is_client_credentials(incoming) => Endpoint::VaultToken,
        Route::Token { .. } => Endpoint::Token,
        Route::FrontPage | Route::Mint => Endpoint::Emulator,
        Route::Unknown => Endpoint::Unknown,
    }
}

pub(crate) fn answer(directory: &Directory, incoming: &Incoming) -> Response<Body> {
    match Route::of(incoming) {
        Route::OpenIdConfiguration { tenant, version } => {
            openid_configuration::answer(directory, incoming, tenant, version)
        }
        Route::KeySet { tenant, version } => key_set::answer(directory, incoming, tenant, version),
        Route::InstanceDiscovery => instance_discovery::answer(directory, incoming),
        Route::Authorize { tenant } => authorize::answer(directory, incoming, tenant),
        Route::SignInForm { tenant } => authorize::answer_form(directory, incoming, tenant),
        Route::AdminConsent { tenant } => admin_consent::answer(directory, incoming, tenant),
        Route::Logout { tenant } => logout::answer(directory, incoming, tenant),
        Route::Token { tenant } => token::answer(directory, incoming, tenant),
        Route::FrontPage => pages::answer(StatusCode::OK, &pages::FrontPage { people: &directory.people }, None),
        Route::Mint => mint::answer(directory, incoming),
        Route::Unknown => wire::answer(StatusCode::NOT_FOUND, "text/plain", "Not a path of the emulated login host.\n"),
    }
}

/// What the first segment of a path stands for.
#[derive(Debug, PartialEq, Eq)]
enum Authority<'d> {
    /// One directory, by its id.
    Single(&'d str),
    /// `common` or `organizations`: the account decides.
    Any,
}

impl<'d> Authority<'d> {
    /// Reads the segment: a GUID, a domain, or one of Entra's words.
    fn of(directory: &'d Directory, segment: &str) -> Result<Self, Failure> {
        match segment {
            "common" | "organizations" => Ok(Self::Any),
            _ => directory.tenant_id_of(segment).map(Self::Single).ok_or_else(|| Failure::unknown_tenant(segment)),
        }
    }

    /// How URLs and issuers of this authority name it.
    fn placeholder(&self) -> &str {
        match self {
            Self::Single(tenant_id) => tenant_id,
            Self::Any => "{tenantid}",
        }
    }

    /// Whether keys of personal Microsoft accounts are among its keys.
    fn has_microsoft_accounts(&self) -> bool {
        matches!(self, Self::Any | Self::Single(MICROSOFT_ACCOUNT_TENANT))
    }
}
