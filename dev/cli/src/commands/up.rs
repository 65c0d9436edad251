//! `cargo dev up`

use clap::Args;

/// Serve the API and the sign-in app on this machine, with an emulated Entra tenant, Graph and Key Vault.
///
/// Needs no Azure account. Builds the components, starts everything, prints the app's address and a `curl` command, and
/// serves until Ctrl-C. For development only.
#[derive(Args, Debug)]
pub struct Up {
    /// The API's port. Default: 3000, or a free one if that is taken.
    #[arg(long)]
    pub port: Option<u16>,
    /// The sign-in app's port. Default: 3001, or a free one if that is taken.
    #[arg(long)]
    pub app_port: Option<u16>,
    /// Run the real `spin` (4.1 or newer, on PATH or named by SPIN) instead of the embedded host.
    #[arg(long)]
    pub spin: bool,
}
