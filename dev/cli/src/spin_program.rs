//! Which `spin` to run, and whether it can run this project's component.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{self, Path},
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use tokio::{process::Command, time::timeout};

use crate::programs::output_of;

/// The first Spin with WASI 0.3.0, which spin-sdk 7 needs. Spin 4.0 has only a release candidate of it.
const OLDEST: (u32, u32) = (4, 1);
/// Spin says at once which version it is. Another program of this name may do anything.
const VERSION_LIMIT: Duration = Duration::from_secs(3);
const INSTALL: &str = "install Spin 4.1 or newer (https://spinframework.dev/install) or name its program in SPIN";

/// A `spin` that is new enough.
#[derive(Debug)]
pub struct SpinProgram(OsString);

impl SpinProgram {
    /// The program that `SPIN` names, or the `spin` on `PATH`.
    ///
    /// # Errors
    /// If there is no such program, or it is too old for this project.
    pub async fn find() -> Result<Self> {
        Self::checked(named().unwrap_or_else(|| "spin".into())).await
    }

    /// Whether `SPIN` names a program.
    pub fn is_named() -> bool {
        named().is_some()
    }

    async fn checked(program: OsString) -> Result<Self> {
        let mut command = Command::new(&program);
        let asked = timeout(VERSION_LIMIT, output_of(command.arg("--version"))).await;
        let asked = asked.unwrap_or_else(|_| {
            bail!("`{} --version` printed nothing within {} s", program.display(), VERSION_LIMIT.as_secs())
        });
        let printed = asked.map_err(|error| anyhow!("{error:#}: {INSTALL}"))?;
        judge(&printed)?;
        Ok(Self(program))
    }

    /// Its path or name.
    pub fn path(&self) -> &OsStr {
        &self.0
    }
}

/// The program that `SPIN` names. A path is made absolute, since Spin is run in another folder.
fn named() -> Option<OsString> {
    let program = env::var_os("SPIN").filter(|program| !program.is_empty())?;
    let is_path = Path::new(&program).components().count() > 1;
    Some(if is_path { path::absolute(&program).map_or(program, Into::into) } else { program })
}

fn judge(printed: &str) -> Result<()> {
    let printed = printed.trim();
    match version(printed) {
        Some(version) if version >= OLDEST => Ok(()),
        Some(_) => bail!("{printed} is too old to run this component: {INSTALL}"),
        None => bail!("`spin --version` printed {printed:?}, which is not Spin's: {INSTALL}"),
    }
}

/// `spin 4.1.0-pre0 (94a8fc8 2026-08-21)` is (4, 1).
fn version(printed: &str) -> Option<(u32, u32)> {
    let mut numbers = printed.strip_prefix("spin ")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_from_4_1_is_accepted() {
        for new_enough in ["spin 4.1.0 (94a8fc8 2026-08-26)\n", "spin 4.1.0-pre0 (94a8fc8 2026-08-21)", "spin 10.0.0"] {
            judge(new_enough).unwrap();
        }
    }

    #[test]
    fn others_are_refused_with_advice() {
        let old = judge("spin 4.0.2 (5d2f6c5 2026-06-01)\n").unwrap_err().to_string();
        assert!(old.starts_with("spin 4.0.2 (5d2f6c5 2026-06-01) is too old"), "{old}");
        assert!(old.contains(INSTALL), "{old}");
        let model_checker = judge("Spin Version 6.5.2 -- 6 December 2019").unwrap_err().to_string();
        assert!(model_checker.contains("is not Spin's"), "{model_checker}");
    }

    #[tokio::test]
    async fn a_missing_spin_is_named() {
        let error = SpinProgram::checked("no-such-spin".into()).await.unwrap_err().to_string();
        assert!(error.starts_with("`no-such-spin` could not be started"), "{error}");
        assert!(error.ends_with(INSTALL), "{error}");
    }
}
