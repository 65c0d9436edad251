//! `cargo dev up`

use clap::{Args, ValueEnum};

use super::host_choice::HostChoice;

/// Serve the API and the sign-in app on this machine, with an emulated Entra tenant, Graph and Key Vault.
///
/// Needs no Azure account. Builds and starts the API, then the sign-in app, prints addresses and a `curl` command, and serves
/// until Ctrl-C. For development only. With `--example`, an app behind the guard `entra` takes their place.
#[derive(Args, Debug)]
pub struct Up {
    /// The API's port. Default: 3000, or a free one if that is taken.
    #[arg(long)]
    pub port: Option<u16>,
    /// The sign-in app's port. Default: 3001, or a free one if that is taken.
    #[arg(long, conflicts_with = "example")]
    pub app_port: Option<u16>,
    /// Who serves.
    #[command(flatten)]
    pub host: HostChoice,
    /// Serve the guarded app of `examples/` in this language instead, on `--port`.
    #[arg(long, value_name = "LANGUAGE")]
    pub example: Option<Language>,
}

/// The language of an app in `examples/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Needs npm.
    Javascript,
    /// Needs Python with venv and pip.
    Python,
    /// Needs nothing else.
    Rust,
}

impl Language {
    /// The name of its folder in `examples/`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Javascript => "javascript",
            Self::Python => "python",
            Self::Rust => "rust",
        }
    }
}
