//! The objects of Kubernetes' own kinds, checked against its schemas. Unknown fields are errors.

use std::{env, fs};

use cargo_dev::programs::output_of;
use serde_json::{Value, json};

use crate::{
    python::python,
    rendered::{changed, is_custom, kind, overlays},
};

/// An old version that is still supported, and the newest that the validator knows.
const VERSIONS: [&str; 2] = ["1.33", "1.37"];

/// What the validator says about `objects`, where it is installed.
async fn complaint(objects: &[Value], name: &str, version: &str) -> Option<Result<(), String>> {
    let mut python = python().await?;
    // JSON is YAML.
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    let file = env::temp_dir().join(format!("profile-get-manifests-{}-{name}-{version}.yaml", std::process::id()));
    fs::write(&file, text.join("\n---\n")).unwrap();
    python.args(["-m", "kubernetes_validate", "--strict", "--quiet", "--kubernetes-version", version]).arg(&file);
    let printed = output_of(&mut python).await;
    fs::remove_file(file).unwrap();
    Some(match printed {
        // It passes a kind that it does not know, with a warning.
        Ok(printed) if printed.contains("WARN") => Err(printed),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    })
}

#[tokio::test]
async fn every_object_is_valid() {
    let Some(overlays) = overlays().await else { return };
    for (overlay, objects) in overlays {
        let objects: Vec<Value> = objects.iter().filter(|object| !is_custom(object)).cloned().collect();
        assert!(!objects.is_empty(), "{overlay}");
        for version in VERSIONS {
            let Some(complaint) = complaint(&objects, &overlay.replace('/', "-"), version).await else { return };
            complaint.unwrap_or_else(|complaint| panic!("{overlay}, Kubernetes {version}: {complaint}"));
        }
    }
}

#[tokio::test]
async fn a_mistake_is_found() {
    let Some(overlays) = overlays().await else { return };
    let objects = &overlays["kubernetes/overlays/key-vault"];
    let container = "/spec/template/spec/containers/0";
    let mistakes = [
        ("Deployment", format!("{container}/readinesProbe"), json!({}), "readinesProbe"),
        ("Deployment", format!("{container}/ports/0/containerPort"), json!("8080"), "containerPort"),
        ("NetworkPolicy", "/spec/egres".to_owned(), json!([]), "egres"),
        ("HorizontalPodAutoscaler", "/spec/maxReplicas".to_owned(), Value::Null, "maxReplicas"),
        ("PodDisruptionBudget", "/kind".to_owned(), json!("PodDisruptionBuget"), "PodDisruptionBuget"),
    ];
    for (number, (of_kind, pointer, new, named)) in mistakes.into_iter().enumerate() {
        let object = objects.iter().find(|object| kind(object) == of_kind).unwrap();
        let wrong = [changed(object, &pointer, new)];
        let Some(complaint) = complaint(&wrong, &format!("mistake-{number}"), VERSIONS[0]).await else { return };
        let complaint = complaint.expect_err(&pointer);
        assert!(complaint.contains(named), "{pointer}: {complaint}");
    }
}
