//! Packages from Debian's archive, through apt's own programs, without root and without changing the system.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{fs, process::Command, time::sleep};

use crate::{programs::output_of, progress::Step};

const POLL: Duration = Duration::from_millis(200);

/// A package as the archive describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// The size of its file, in bytes.
    pub(super) size: u64,
    /// The names of its dependencies; of alternatives, the first.
    pub(super) depends: Vec<String>,
}

/// apt with the system's package lists or with private ones.
#[derive(Debug)]
pub(super) struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// With the system's package lists, however old.
    pub(super) fn with_system_lists() -> Self {
        Self { options: Vec::new() }
    }

    /// Fetches current package lists into `directory`: `apt-get update` without root.
    pub(super) async fn with_fresh_lists(directory: &Path) -> Result<Self> {
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(directory.join(folder)).await?;
        }
        let apt = Self {
            options: vec![
                format!("Dir::State={}", directory.join("state").display()),
                format!("Dir::Cache={}", directory.join("cache").display()),
            ],
        };
        output_of(apt.command("apt-get").arg("update")).await?;
        Ok(apt)
    }

    /// `roots` and every shared library that they need and that is not installed, each in the version that apt would
    /// install.
    pub(super) async fn resolve(&self, roots: &[&str]) -> Result<Vec<Package>> {
        let installed = installed_packages().await?;
        let mut wanted: Vec<String> = roots.iter().map(|&name| name.to_owned()).collect();
        let mut seen: BTreeSet<String> = wanted.iter().cloned().collect();
        let mut resolved = Vec::new();
        while !wanted.is_empty() {
            let shown = output_of(self.command("apt-cache").args(["show", "--no-all-versions"]).args(&wanted)).await;
            let found = parse_packages(&shown.with_context(|| not_offered(&wanted))?)?;
            if let Some(missing) = wanted.iter().find(|&name| found.iter().all(|package| package.name != *name)) {
                bail!(not_offered(&[missing]));
            }
            let needed = found.iter().flat_map(|package| &package.depends);
            wanted = needed
                .filter(|name| is_compiler_library(name) || (is_shared_library(name) && !installed.contains(*name)))
                .filter(|name| seen.insert((*name).clone()))
                .cloned()
                .collect();
            resolved.extend(found);
        }
        Ok(resolved)
    }

    /// Downloads the files of `packages` into `directory`; apt verifies their hashes.
    pub(super) async fn download(&self, packages: &[Package], directory: &Path, step: &Step) -> Result<()> {
        step.expect_bytes(packages.iter().map(|package| package.size).sum());
        let exact = packages.iter().map(|package| format!("{}={}", package.name, package.version));
        let mut command = self.command("apt-get");
        command.arg("download").args(exact).current_dir(directory);
        let report = async {
            loop {
                step.set_bytes(size_of_files(directory).await);
                sleep(POLL).await;
            }
        };
        tokio::select! {
            downloaded = output_of(&mut command) => downloaded.map(drop)?,
            () = report => {}
        }
        step.bytes_complete();
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        // If root runs apt, it downloads with an account that may not enter this folder.
        for option in self.options.iter().map(String::as_str).chain(["APT::Sandbox::User=root"]) {
            command.args(["-o", option]);
        }
        command.arg("--quiet");
        command
    }
}

/// The names of the packages that are installed on this system.
async fn installed_packages() -> Result<BTreeSet<String>> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status} ${Package}\n"]);
    let listing = output_of(&mut query).await?;
    Ok(listing.lines().filter_map(|line| line.strip_prefix("installed ")).map(str::to_owned).collect())
}

/// The compiler finds these only in its own folder, so an installed copy does not help.
fn is_compiler_library(name: &str) -> bool {
    name.starts_with("libstd-rust-")
}

fn is_shared_library(name: &str) -> bool {
    name.starts_with("lib") && !name.ends_with("-dev")
}

fn not_offered(names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    format!("apt does not offer {}", names.join(", "))
}

/// The paragraphs that `apt-cache show` prints (deb-control(5)).
fn parse_packages(shown: &str) -> Result<Vec<Package>> {
    shown.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).map(parse_package).collect()
}

fn parse_package(paragraph: &str) -> Result<Package> {
    let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let required = |name: &str| field(name).with_context(|| format!("a package without {name}:\n{paragraph}"));
    Ok(Package {
        name: required("Package")?.to_owned(),
        version: required("Version")?.to_owned(),
        size: required("Size")?.parse().context("Size")?,
        depends: field("Depends").unwrap_or_default().split(',').filter_map(first_alternative).collect(),
    })
}

/// `gcc:any (>= 4) | c-compiler` names `gcc`.
fn first_alternative(dependency: &str) -> Option<String> {
    let name = dependency.split(['|', '(', '[', ':']).next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

async fn size_of_files(directory: &Path) -> u64 {
    let Ok(mut entries) = fs::read_dir(directory).await else { return 0 };
    let mut total = 0;
    while let Ok(Some(entry)) = entries.next_entry().await {
        total += entry.metadata().await.map_or(0, |metadata| metadata.len());
    }
    total
}

/// The package files in `directory`.
pub(super) async fn package_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(directory).await?;
    let mut files = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "\
Package: rustc-web
Version: 2.5.0+dfsg1-1
Architecture: amd64
Depends: libc6 (>= 2.34), libstd-rust-web-dev (= 2.5.0+dfsg1-1), gcc:any | c-compiler, libc-dev
Description: Rust systems programming language
 Size: not this one
Size: 4450500

Package: wasi-libc
Version: 1
Size: 833952

";

    #[test]
    fn packages_are_read_from_what_apt_cache_shows() {
        let packages = parse_packages(SHOWN).unwrap();
        let [compiler, library] = packages.as_slice() else { panic!("{packages:?}") };
        assert_eq!(compiler.name, "rustc-web");
        assert_eq!(compiler.version, "2.5.0+dfsg1-1");
        assert_eq!(compiler.size, 4_450_500);
        assert_eq!(compiler.depends, ["libc6", "libstd-rust-web-dev", "gcc", "libc-dev"]);
        assert_eq!(library.depends, [""; 0]);
    }

    #[test]
    fn a_paragraph_without_a_version_is_refused() {
        let error = parse_packages("Package: rustc-web\nSize: 1\n").unwrap_err().to_string();
        assert!(error.starts_with("a package without Version"), "{error}");
    }

    #[test]
    fn only_libraries_are_followed() {
        assert!(is_compiler_library("libstd-rust-web-dev"));
        assert!(is_shared_library("libllvm23"));
        for other in ["libc-dev", "libc6-dev", "gcc", "binutils"] {
            assert!(!is_shared_library(other) && !is_compiler_library(other), "{other}");
        }
    }
}
