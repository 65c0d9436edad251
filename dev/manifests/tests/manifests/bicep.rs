//! The Bicep of `deploy/`, as far as it can be checked without the Bicep compiler: its syntax.

use cargo_dev::{programs::output_of, workspace};

use crate::python::python;

/// Parses `path` and prints the types of its resources, without those inside others.
const PARSE: &str = "
import sys
from pathlib import Path
from pycep import BicepParser
parsed = BicepParser().parse(file_path=Path(sys.argv[1]))
print(*(resource['type'] for name, resource in parsed['resources'].items() if '__' not in name))
";

#[tokio::test]
async fn every_file_parses() {
    for (name, expected) in [
        ("container-apps", "Microsoft.App/managedEnvironments Microsoft.App/containerApps"),
        (
            "bicep",
            "Microsoft.Graph/applications Microsoft.Graph/servicePrincipals Microsoft.Graph/applications \
             Microsoft.Graph/servicePrincipals Microsoft.ManagedIdentity/userAssignedIdentities \
             Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials Microsoft.KeyVault/vaults \
             Microsoft.Authorization/roleAssignments Microsoft.Authorization/roleAssignments \
             Microsoft.Cache/redisEnterprise Microsoft.Cache/redisEnterprise/databases",
        ),
    ] {
        let Some(mut python) = python().await else { return };
        let file = workspace::root().join(format!("deploy/{name}/main.bicep"));
        let printed = output_of(python.args(["-c", PARSE]).arg(file)).await.unwrap();
        assert_eq!(printed.trim(), expected);
    }
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
