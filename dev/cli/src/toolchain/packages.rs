//! The Debian packages that make up a compiler, and how they are downloaded.

use std::{ffi::OsStr, path::Path};

use anyhow::{Result, ensure};
use tokio::{fs, process::Command};

use super::apt::{Apt, Package, package_files};
use crate::{programs::output_of, progress::Step};

/// The compiler, the source of its standard library, clippy, and the C library that the standard library for WASI
/// needs.
const PACKAGES: [&str; 4] = ["rustc-web", "rust-web-src", "rust-web-clippy", "wasi-libc"];
/// The oldest compiler that can build this project: the `rust-version` of its packages.
pub(super) const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Unpacks the packages into `directory`. Installs nothing.
pub(super) async fn unpack_into(directory: &Path, step: &Step) -> Result<Vec<Package>> {
    let downloads = directory.join("downloads");
    fs::create_dir_all(&downloads).await?;
    let packages = download(&downloads, step).await?;
    for file in package_files(&downloads).await? {
        let name = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        step.detail(&format!("unpacking {}", name.split('_').next().unwrap_or(name)));
        output_of(Command::new("dpkg").arg("--extract").arg(&file).arg(directory)).await?;
    }
    fs::remove_dir_all(&downloads).await?;
    Ok(packages)
}

/// Downloads with the system's package lists or, if these lack the packages or are too old, with fresh ones.
async fn download(downloads: &Path, step: &Step) -> Result<Vec<Package>> {
    step.detail("asking apt");
    let system = Apt::with_system_lists();
    if let Ok(packages) = resolve_and_download(&system, downloads, step).await {
        return Ok(packages);
    }
    step.detail("fetching current package lists");
    let fresh = Apt::with_fresh_lists(&downloads.join("apt")).await?;
    resolve_and_download(&fresh, downloads, step).await
}

async fn resolve_and_download(apt: &Apt, downloads: &Path, step: &Step) -> Result<Vec<Package>> {
    let packages = apt.resolve(&PACKAGES).await?;
    check_versions(&packages)?;
    apt.download(&packages, downloads, step).await?;
    Ok(packages)
}

/// All parts of the compiler must have the same version, and it must be able to build this project.
fn check_versions(packages: &[Package]) -> Result<()> {
    let versions: Vec<&str> = packages
        .iter()
        .filter(|package| package.name.contains("rust"))
        .map(|package| package.version.as_str())
        .collect();
    let first = versions.first().copied().unwrap_or_default();
    ensure!(
        versions.iter().all(|&version| version == first),
        "apt offers Rust's packages in different versions: {}",
        versions.join(", ")
    );
    ensure!(
        major_and_minor(first) >= major_and_minor(OLDEST),
        "apt offers Rust {first}, and this project needs {OLDEST} or newer; Debian's newer Rust is in its security \
         archive (https://www.debian.org/security/)"
    );
    Ok(())
}

/// `1.96.0+dfsg1-1` is (1, 96); an unreadable version is older than all others.
fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.to_owned(), version: version.to_owned(), size: 1, depends: Vec::new() }
    }

    fn check(compiler: &str, source: &str) -> Result<()> {
        check_versions(&[
            package("rustc-web", compiler),
            package("rust-web-src", source),
            package("wasi-libc", "0.0~git20220510"),
        ])
    }

    #[test]
    fn one_version_that_is_new_enough_is_accepted() {
        check("9.5.0+dfsg1-1~deb12u2", "9.5.0+dfsg1-1~deb12u2").unwrap();
    }

    #[test]
    fn different_or_old_versions_are_refused() {
        let different = check("9.6.0", "9.5.0").unwrap_err().to_string();
        assert!(different.contains("different versions: 9.6.0, 9.5.0"), "{different}");
        let old = check("1.85.0+dfsg3-1", "1.85.0+dfsg3-1").unwrap_err().to_string();
        assert!(old.contains("apt offers Rust 1.85.0+dfsg3-1"), "{old}");
        assert!(check("trunk", "trunk").is_err());
    }

    #[test]
    fn minor_versions_compare_as_numbers() {
        assert!(major_and_minor("1.100.0") > major_and_minor("1.96.0"));
    }
}
