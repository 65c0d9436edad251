//! The command with which Container Apps starts the image.

use cargo_dev::programs::output_of;
use deployment_manifests::{image::Image, kustomize::read};
use tokio::process::Command;

/// The text of a variable in the Bicep, up to `end`.
fn variable<'a>(bicep: &'a str, name: &str, end: &str) -> &'a str {
    bicep.split_once(&format!("\nvar {name} = ")).unwrap().1.split_once(end).unwrap().0
}

#[test]
fn the_command_is_the_entrypoint_of_the_image() {
    let bicep = read("container-apps/main.bicep").unwrap();
    let quoted: Vec<&str> = variable(&bicep, "entrypoint", "\n]").split('\'').skip(1).step_by(2).collect();
    assert_eq!(quoted, Image::load().unwrap().entrypoint);
}

#[tokio::test]
async fn the_identity_becomes_variables_of_the_api() {
    let bicep = read("container-apps/main.bicep").unwrap();
    let script = variable(&bicep, "withIdentity", "\n").trim_matches('\'').replace("\\${", "${");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script, "sh", "printenv", "SPIN_VARIABLE_IDENTITY_ENDPOINT", "SPIN_VARIABLE_IDENTITY_HEADER"]);
    shell.env("IDENTITY_ENDPOINT", "http://localhost:12356/msi/token").env("IDENTITY_HEADER", "a b");
    assert_eq!(output_of(&mut shell).await.unwrap(), "http://localhost:12356\na b\n");
}
