//! Validators that exist only in Python, installed into `target/`.

use std::{fs, path::PathBuf};

use cargo_dev::{programs::output_of, workspace};
use tokio::{process::Command, sync::OnceCell};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// A command for `python3` that finds the validators; `None`, with a message, where they cannot be installed.
pub(crate) async fn python() -> Option<Command> {
    static INSTALLED: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    match INSTALLED.get_or_init(install).await {
        Ok(folder) => {
            let mut python = Command::new("python3");
            python.env("PYTHONPATH", folder).env("PYTHONDONTWRITEBYTECODE", "1");
            Some(python)
        }
        Err(reason) => {
            eprintln!("skipped: the validators in Python cannot be installed: {reason}");
            None
        }
    }
}

async fn install() -> Result<PathBuf, String> {
    let folder = workspace::target().join("manifest-validators");
    let complete = folder.join("installed-requirements.txt");
    if fs::read_to_string(&complete).is_ok_and(|installed| installed == REQUIREMENTS) {
        return Ok(folder);
    }
    let requirements = workspace::root().join("dev/manifests/tests/manifests/requirements.txt");
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--only-binary", ":all:"]);
    pip.arg("--target").arg(&folder).arg("--requirement").arg(requirements);
    output_of(&mut pip).await.map_err(|error| format!("{error:#}"))?;
    fs::write(complete, REQUIREMENTS).map_err(|error| error.to_string())?;
    Ok(folder)
}
