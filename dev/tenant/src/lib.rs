//! A stand-in for one Microsoft Entra tenant, Microsoft Graph and one Azure Key Vault.
//!
//! For development and tests only. Paths, responses and strictness are those of the real services, so that a client
//! that works with it is likely to work with Azure.
//!
//! - It listens on loopback, on one port per service, and stops when [`Tenant`] is dropped.
//! - It speaks plain HTTP/1.1, or TLS with HTTP/2 and HTTP/1.1 and certificates from its own authority.
//! - It makes new keys, identifiers and secrets in each run, and is deterministic otherwise.
//! - It checks signatures, audiences, clients and secrets with its own code.
//! - People sign in, consent and pass a second factor on its pages, without passwords.
//! - The wording of its error messages differs from Microsoft's on purpose: no client may depend on it.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use emulated_tenant::{Endpoint, Fault, Tenant, TenantOptions};
//!
//! let tenant = Tenant::start(TenantOptions::default()).await?;
//! let ada = tenant.person("ada")?;
//! let token = tenant.access_token(ada, |_| ());
//! let stale = tenant.access_token(ada, |plan| plan.expire());
//! tenant.faults().set(Endpoint::GraphMe, Fault::HangUp);
//! # Ok(())
//! # }
//! ```
//!
//! Each server handles a request in the same order: receive it whole, write it to the request log, apply the fault
//! that is set for its endpoint, or else let the service respond.
//!
//! The modules below are in layers, from the foundation up; each may use those above it.

mod random;
mod time;

mod endpoint;
mod jwt;
mod wire;

mod claims_request;
mod page;
mod variety;

// What the services know: people, applications, keys, consents, secrets.
mod directory;

// Signed with the directory's keys.
mod tokens;

// The services.
mod entra;
mod graph;
mod key_vault;
mod platform;

// Connections, faults and the request log around them.
mod server;

// The public interface.
mod tenant;

// The same for programs in any language.
mod admin;

// Comparison with recordings of the real services.
pub mod recording;

pub use admin::AdminServer;
pub use directory::{
    certificate::ClientCertificate,
    person::Person,
    setup::{Ports, Setup},
    vault::CertificateFormat,
};
pub use endpoint::{Endpoint, Service};
pub use server::{
    ConnectionFault, EndlessFrames, ResetCode,
    faults::{Fault, Faults},
    request_log::LoggedRequest,
};
pub use tenant::{ClientCredentials, ManagedIdentityInfo, Tenant, TenantOptions, Wire};
pub use tokens::{Forger, Forgery, ProjectedToken, ServiceAccountToken, Signing, TokenPlan};
