//! Renders overlays with `kubectl kustomize`, which needs neither a cluster nor the network.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_dev::{programs::output_of, workspace};
use serde_json::Value;
use tokio::process::Command;

const PROGRAM: &str = "kubectl";

/// The folders below `deploy/` that `kubectl apply --kustomize` can be given.
pub const OVERLAYS: [&str; 5] = [
    "kubernetes/overlays/workload-identity",
    "kubernetes/overlays/kubernetes-secret",
    "kubernetes/overlays/key-vault",
    "kubernetes/overlays/key-vault-by-name",
    "spinkube",
];

/// Whether `kubectl` is installed.
pub async fn is_installed() -> bool {
    output_of(Command::new(PROGRAM).args(["version", "--client"])).await.is_ok()
}

/// The YAML of an overlay of [`OVERLAYS`].
///
/// # Errors
/// If `kubectl` is missing or refuses a file.
pub async fn render(overlay: &str) -> Result<String> {
    let folder = workspace::root().join("deploy").join(overlay);
    output_of(Command::new(PROGRAM).arg("kustomize").arg(folder)).await
}

/// The objects in `yaml`, in order.
///
/// # Errors
/// If it is not YAML.
pub fn objects(yaml: &str) -> Result<Vec<Value>> {
    serde_saphyr::from_multiple(yaml).context("the rendered manifests are not YAML")
}

/// The only object of a kind.
///
/// # Errors
/// If there is not exactly one.
pub fn only<'a>(objects: &'a [Value], kind: &str) -> Result<&'a Value> {
    let mut found = objects.iter().filter(|object| object.get("kind").and_then(Value::as_str) == Some(kind));
    let object = found.next().with_context(|| format!("no {kind}"))?;
    anyhow::ensure!(found.next().is_none(), "several objects of kind {kind}");
    Ok(object)
}

/// The file of `deploy/` with this path.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = workspace::root().join("deploy").join(path);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}
