//! The Bicep of `deploy/container-apps`, as far as it can be checked without the Bicep compiler: its syntax.

use cargo_dev::{programs::output_of, workspace};

use crate::python::python;

/// Parses `path` and prints the types of its resources.
const PARSE: &str = "
import sys
from pathlib import Path
from pycep import BicepParser
parsed = BicepParser().parse(file_path=Path(sys.argv[1]))
print(*(resource['type'] for resource in parsed['resources'].values()))
";

#[tokio::test]
async fn it_parses() {
    let Some(mut python) = python().await else { return };
    let file = workspace::root().join("deploy/container-apps/main.bicep");
    let printed = output_of(python.args(["-c", PARSE]).arg(file)).await.unwrap();
    assert_eq!(printed.trim(), "Microsoft.App/managedEnvironments Microsoft.App/containerApps");
}

#[tokio::test]
async fn a_mistake_is_found() {
    let text = deployment_manifests::kustomize::read("container-apps/main.bicep").unwrap();
    let file = std::env::temp_dir().join(format!("profile-get-{}.bicep", std::process::id()));
    for (right, wrong) in [
        ("param image string", "param image: string"),
        ("properties: {", "properties {"),
        ("output url string =", "output url string"),
    ] {
        assert!(text.contains(right));
        let Some(mut python) = python().await else { return };
        std::fs::write(&file, text.replacen(right, wrong, 1)).unwrap();
        output_of(python.args(["-c", PARSE]).arg(&file)).await.expect_err(wrong);
    }
    std::fs::remove_file(file).unwrap();
}
