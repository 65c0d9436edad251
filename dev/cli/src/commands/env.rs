//! `cargo dev env`

use clap::Args;

/// Print the environment in which your own `spin up` uses the running emulated tenant.
///
/// Needs a `cargo dev up` in another terminal. Prints export lines for a shell: the runtime configuration, and the
/// identity that reads the emulated Key Vault. Example:
/// ENVIRONMENT="$(cargo dev env)" && eval "$ENVIRONMENT" && spin up --listen 127.0.0.1:3002
#[derive(Args, Debug)]
pub struct Env {}
