//! `cargo dev record`

use std::path::PathBuf;

use clap::Args;

use crate::workspace;

/// Record what a real tenant answers, for the emulated one to be compared with.
///
/// Sends the requests of the component and of its host to the tenant that record.toml names, and writes the answers to
/// dev/tenant/recordings, without anything that belongs to that tenant. Sends nothing unless the domain in record.toml is
/// the tenant's own. dev/tenant/README.md tells what it needs.
#[derive(Args, Debug)]
pub struct Record {
    /// Which tenant.
    #[arg(value_name = "FILE", default_value_os_t = workspace::root().join("record.toml"))]
    pub file: PathBuf,
    /// Record also what people feel: revoked sessions, policies that block them or ask them for more.
    #[arg(long)]
    pub disruptive: bool,
    /// Send nothing: only list what is not recorded, and what was recorded long ago.
    #[arg(long)]
    pub list: bool,
}
