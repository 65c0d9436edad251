//! Every choice of packages compiles a dependency of the harness with the same features, so that each is compiled once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use cargo_dev::workspace;

/// The variants in which packages are compiled: their features by name and version.
type Variants = BTreeMap<String, BTreeSet<String>>;

#[test]
fn dependencies_have_the_same_features_whatever_is_built() {
    let everything = variants(&["--workspace"]);
    let mut wrong = Vec::new();
    for packages in
        [&["cargo-dev"][..], &["profile-get-dev"], &["embedded-host"], &["profile-get-dev", "embedded-host"]]
    {
        let selection: Vec<_> = packages.iter().flat_map(|package| ["--package", package]).collect();
        for (dependency, variants) in variants(&selection) {
            let missing: Vec<_> = variants.difference(&everything[&dependency]).collect();
            let added: Vec<_> = everything[&dependency].difference(&variants).collect();
            if !missing.is_empty() || !added.is_empty() {
                wrong.push(format!(
                    "{dependency} has {missing:?} for {packages:?}, but {added:?} in the whole workspace"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "add what is missing to the manifests in dev/features:\n{}", wrong.join("\n"));
}

fn variants(selection: &[&str]) -> Variants {
    let mut cargo = Command::new(workspace::cargo());
    cargo.args(["tree", "--prefix=none", "--no-dedupe", "--format={p} {f}"]).args(selection);
    let edges = if selection == ["--workspace"] { "normal,build,dev" } else { "normal,build" };
    let output = cargo.arg(format!("--edges={edges}")).current_dir(workspace::root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut variants = Variants::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let mut words = line.split(' ').filter(|word| *word != "(proc-macro)");
        let (Some(name), Some(version)) = (words.next(), words.next()) else { continue };
        let features = words.collect::<Vec<_>>().join(" ");
        // The features of packages of the workspace do not matter here.
        if !features.starts_with('(') {
            variants.entry(format!("{name} {version}")).or_default().insert(features);
        }
    }
    variants
}
