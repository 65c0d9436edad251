//! The component's software bill of materials: CycloneDX 1.6 as JSON, made from cargo's dependency resolution.
//!
//! <https://cyclonedx.org/docs/1.6/json/>. It contains no time and no serial number: the same sources give the
//! same document.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    programs::output_of,
    workspace::{self, TARGET},
};

/// The package of the component.
const PACKAGE: &str = "profile-get";

/// The bill of materials of the component as it is built for WebAssembly. Only crates that the component needs are
/// downloaded for it.
///
/// # Errors
/// If cargo cannot resolve the component's dependencies, or the lock file cannot be read.
pub async fn bill_of_materials() -> Result<Value> {
    let mut cargo = Command::new(workspace::cargo());
    cargo.current_dir(workspace::root()).args(["tree", "--package", PACKAGE, "--target", TARGET, "--locked"]);
    cargo.args(["--edges", "normal", "--prefix", "depth", "--format", "|{p}|{l}|"]);
    let tree = output_of(&mut cargo).await.context("the component's dependencies")?;
    let lock = tokio::fs::read_to_string(workspace::root().join("Cargo.lock")).await.context("Cargo.lock")?;
    describe(&tree, &lock)
}

/// A package of the tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    license: String,
}

impl Package {
    /// <https://github.com/package-url/purl-spec>
    fn url(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    fn component(&self, checksum: Option<&String>, kind: &str) -> Value {
        // Older crates write a slash instead of OR.
        let licenses = (!self.license.is_empty()).then(|| json!([{"expression": self.license.replace('/', " OR ")}]));
        let hashes = checksum.map(|checksum| json!([{"alg": "SHA-256", "content": checksum}]));
        let members = [
            ("type", Some(kind.into())),
            ("bom-ref", Some(self.url().into())),
            ("name", Some(self.name.clone().into())),
            ("version", Some(self.version.clone().into())),
            ("purl", Some(self.url().into())),
            ("licenses", licenses),
            ("hashes", hashes),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

fn describe(tree: &str, lock: &str) -> Result<Value> {
    let checksums = checksums(lock)?;
    let mut dependencies: BTreeMap<Package, BTreeSet<String>> = BTreeMap::new();
    let mut above: Vec<Package> = Vec::new();
    for line in tree.lines() {
        let (depth, package) = parse(line).with_context(|| format!("cargo tree printed {line:?}"))?;
        above.truncate(depth);
        if let Some(parent) = above.last() {
            dependencies.entry(parent.clone()).or_default().insert(package.url());
        }
        dependencies.entry(package.clone()).or_default();
        above.push(package);
    }
    let root = dependencies.keys().find(|package| package.name == PACKAGE).cloned();
    let root = root.context("the component is not in its own tree")?;
    let checksum = |package: &Package| checksums.get(&(package.name.clone(), package.version.clone()));
    let libraries = dependencies.keys().filter(|package| **package != root);
    let components: Vec<Value> = libraries.map(|package| package.component(checksum(package), "library")).collect();
    let graph = dependencies.iter().map(|(package, needs)| json!({"ref": package.url(), "dependsOn": needs}));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": root.component(None, "application")},
        "components": components,
        "dependencies": graph.collect::<Vec<_>>(),
    }))
}

/// `2|serde v1.0.0 (proc-macro)|MIT|`, followed by ` (*)` if the package's dependencies were listed before.
fn parse(line: &str) -> Option<(usize, Package)> {
    let mut fields = line.split('|');
    let depth = fields.next()?.parse().ok()?;
    let mut words = fields.next()?.split(' ');
    let (name, version) = (words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned());
    Some((depth, Package { name, version, license: fields.next()?.to_owned() }))
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    checksum: Option<String>,
}

fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let lock: Lock = toml::from_str(lock).context("Cargo.lock cannot be read")?;
    let locked = lock.package.into_iter();
    Ok(locked.filter_map(|package| Some(((package.name, package.version), package.checksum?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_their_license_their_hash_and_what_they_need() {
        let tree = "0|profile-get v0.1.0 (/project)|Apache-2.0|\n1|serde v1.0.2|MIT OR Apache-2.0|\n\
                    2|serde_derive v1.0.2 (proc-macro)|MIT/Apache-2.0|\n1|base64 v0.22.1|MIT| (*)\n";
        let lock = "version = 4\n[[package]]\nname = \"serde\"\nversion = \"1.0.2\"\nchecksum = \"ab\"\n";
        let bill = describe(tree, lock).unwrap();
        assert_eq!(bill["metadata"]["component"]["purl"], "pkg:cargo/profile-get@0.1.0");
        let names: Vec<_> =
            bill["components"].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["base64", "serde", "serde_derive"]);
        assert_eq!(bill["components"][1]["hashes"][0]["content"], "ab");
        assert_eq!(bill["components"][2]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["dependencies"][1]["dependsOn"], json!(["pkg:cargo/base64@0.22.1", "pkg:cargo/serde@1.0.2"]));
    }

    #[tokio::test]
    async fn the_bill_of_the_component_is_whole() {
        let bill = bill_of_materials().await.unwrap();
        let components = bill["components"].as_array().unwrap();
        let urls: BTreeSet<&str> = components.iter().map(|component| component["purl"].as_str().unwrap()).collect();
        assert!(urls.iter().any(|url| url.starts_with("pkg:cargo/spin-sdk@7.0.0")), "{urls:?}");
        // Dependencies of the harness and of tests.
        assert!(!urls.iter().any(|url| url.contains("wasmtime@") || url.contains("proptest@")), "{urls:?}");
        for component in components {
            let name = component["name"].as_str().unwrap();
            let is_ours = workspace::root().join("crates").join(name).join("Cargo.toml").is_file();
            assert!(is_ours || component["hashes"][0]["content"].is_string(), "{component}");
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        }
        for dependency in bill["dependencies"].as_array().unwrap() {
            for needed in dependency["dependsOn"].as_array().unwrap() {
                assert!(urls.contains(needed.as_str().unwrap()), "{needed}");
            }
        }
    }
}
