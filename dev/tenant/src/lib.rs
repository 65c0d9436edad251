//! A stand-in for one Microsoft Entra tenant, Microsoft Graph and one Azure Key Vault.
//!
//! For development and tests only. It keeps the paths, wire shapes and strictness of the real
//! services, so that a client that works against it is likely to work against Azure, and:
//!
//! - it listens on loopback, one port per service, and stops when [`Tenant`] is dropped;
//! - it speaks plain HTTP/1.1, or TLS with HTTP/2 and HTTP/1.1 under an authority of its own;
//! - it makes new keys, identifiers and secrets in each run, and is deterministic otherwise;
//! - it checks signatures, audiences, clients and secrets with code of its own;
//! - people sign in, consent and pass a second factor on pages of its own, and have no passwords;
//! - its wording of error messages differs from Microsoft's on purpose: no client may depend on it.
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
//! Each server works in the same order: a request is received whole, written to the journal, met by the
//! fault dialled for its endpoint if any, else answered by its service (`entra`, `graph`,
//! `key_vault`), each of which reads the same directory of people, applications and keys.

mod random;
mod time;

mod endpoint;
mod jwt;
mod wire;

mod claims_request;
mod variety;

mod directory;

mod tokens;

mod entra;
mod graph;
mod key_vault;

mod server;

mod tenant;

pub mod recording;

pub use directory::{certificate::ClientCertificate, person::Person, vault::CertificateFormat};
pub use endpoint::{Endpoint, Service};
pub use server::{
    ConnectionFault, EndlessFrames, ResetCode,
    faults::{Fault, Faults},
    request_log::LoggedRequest,
};
pub use tenant::{ClientCredentials, Tenant, TenantOptions, Wire};
pub use tokens::{Forger, Forgery, Signing, TokenPlan};
