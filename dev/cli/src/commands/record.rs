//! `cargo dev record`

use std::path::PathBuf;

use clap::Args;

use crate::workspace;

/// Record a real tenant's answers, to compare the emulated tenant with them.
///
/// Sends the requests of the component and of its host to the tenant that record.toml names, and writes the answers to
/// dev/tenant/recordings, without any data of that tenant. Sends nothing unless the domain in record.toml belongs to
/// the tenant. dev/tenant/README.md says what it needs.
#[derive(Args, Debug)]
pub struct Record {
    /// The file that describes the tenant.
    #[arg(value_name = "FILE", default_value_os_t = workspace::root().join("record.toml"))]
    pub file: PathBuf,
    /// Also record what affects people: revoked sessions, policies that block them or ask for a second factor.
    #[arg(long)]
    pub disruptive: bool,
    /// Send nothing; only list what has no recording or an old one.
    #[arg(long)]
    pub list: bool,
}
