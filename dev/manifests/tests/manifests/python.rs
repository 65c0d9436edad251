//! Validators that exist only in Python.

use cargo_dev::npm_and_pip::{pip, unless_skipped};
use tokio::process::Command;

/// A command for a Python that has the validators; `None`, with a message, where they cannot be installed.
pub(crate) async fn python() -> Option<Command> {
    let folder = unless_skipped("the validators in Python", pip("dev/manifests/tests/manifests").await).unwrap()?;
    Some(Command::new(folder.join("bin/python")))
}
