//! Finds or prepares a compiler for WebAssembly on this machine.
//!
//! It tries, in this order: the installed `wasm32-wasip2` target; a compiler that was downloaded here before;
//! `rustup target add`; a compiler from Debian's packages, unpacked into `target/`, for machines that reach a Debian
//! mirror but not rustup's server. Only rustup changes anything outside `target/`.

mod apt;
mod debian;
mod launchers;
mod packages;
mod rustup;

use anyhow::{Error, Result, anyhow};
use tokio::process::Command;

use self::debian::DebianToolchain;
use crate::{
    progress::Progress,
    workspace::{self, TARGET},
};

/// A compiler for [`TARGET`].
#[derive(Debug)]
pub enum WasmToolchain {
    /// The machine's own compiler has the target.
    Installed,
    /// A compiler from Debian's packages, in `target/wasm-toolchain`.
    Debian(DebianToolchain),
}

impl WasmToolchain {
    /// Finds a compiler or downloads one, which at worst takes a minute and 140 MB.
    ///
    /// # Errors
    /// If nothing works on this machine. The error lists what was tried, why it failed, and what to install.
    pub async fn provide(progress: Progress) -> Result<Self> {
        if rustup::has_target().await? {
            return Ok(Self::Installed);
        }
        if let Some(toolchain) = DebianToolchain::made_earlier().await? {
            return Ok(Self::Debian(toolchain));
        }
        let rustup_failure = match rustup::add_target(progress).await {
            Ok(()) => return Ok(Self::Installed),
            Err(error) => error,
        };
        progress.note(&format!("rustup could not add {TARGET}; trying Debian's packages instead"));
        match DebianToolchain::make(progress).await {
            Ok(toolchain) => Ok(Self::Debian(toolchain)),
            Err(debian_failure) => Err(no_way(&rustup_failure, &debian_failure)),
        }
    }

    /// `cargo <subcommand> --target wasm32-wasip2`, ready for further arguments.
    ///
    /// # Errors
    /// If `PATH` cannot be extended.
    pub fn cargo(&self, subcommand: &str) -> Result<Command> {
        match self {
            Self::Installed => {
                let mut command = Command::new(workspace::cargo());
                command.arg(subcommand).args(["--target", TARGET]).current_dir(workspace::root());
                Ok(command)
            }
            Self::Debian(toolchain) => toolchain.cargo(subcommand),
        }
    }
}

fn no_way(rustup_failure: &Error, debian_failure: &Error) -> Error {
    anyhow!(
        "This machine cannot compile Rust for {TARGET}, and no compiler could be installed.\n\
         \n\
         Tried `rustup target add {TARGET}`:\n{}\n\
         \n\
         Tried Debian's packages (rustc-web and what it needs):\n{}\n\
         \n\
         Do one of these, then run the command again:\n\
         - install rustup (https://rustup.rs) and let it reach its server;\n\
         - let apt reach a Debian archive with rustc-web {} or newer;\n\
         - install the {TARGET} standard library that belongs to this machine's compiler by other means.",
        indented(rustup_failure),
        indented(debian_failure),
        packages::OLDEST,
    )
}

fn indented(error: &Error) -> String {
    let text = format!("{error:#}");
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_lists_each_attempt_and_what_to_install() {
        let rustup = anyhow!("could not download file").context("`rustup` ended with exit status: 1");
        let debian = anyhow!("apt-get is not on this machine");
        let message = no_way(&rustup, &debian).to_string();
        assert!(message.contains("    `rustup` ended with exit status: 1: could not download file"), "{message}");
        assert!(message.contains("    apt-get is not on this machine"), "{message}");
        assert!(message.contains("install rustup"), "{message}");
    }
}
