//! The three services and their endpoints.

/// One of the three servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// The Entra login host.
    Entra,
    /// Microsoft Graph.
    Graph,
    /// The key vault.
    KeyVault,
}

/// The purpose of a request; faults are set for one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `/{tenant}[/v2.0]/.well-known/openid-configuration`
    OpenIdConfiguration,
    /// `/{tenant}/discovery[/v2.0]/keys`
    KeySet,
    /// `/common/discovery/instance`
    InstanceDiscovery,
    /// `/{tenant}/oauth2/v2.0/authorize`, and `/{tenant}/login`, to which its pages post
    Authorize,
    /// `/{tenant}/v2.0/adminconsent`
    AdminConsent,
    /// `/{tenant}/oauth2/v2.0/logout`
    Logout,
    /// `/{tenant}/oauth2/v2.0/token` with any grant but `client_credentials`
    Token,
    /// `/{tenant}/oauth2/v2.0/token` with the grant `client_credentials`
    VaultToken,
    /// `/v1.0/me`
    GraphMe,
    /// `/v1.0/me/photo/$value`
    GraphPhoto,
    /// `/secrets/{name}[/{version}]`
    VaultSecret,
    /// The emulator's own pages and management interface.
    Emulator,
    /// Anything else.
    Unknown,
}
