//! The objects of SpinKube's and Cilium's kinds.
//!
//! An API server drops a field that it does not know, and `kubectl` only warns. So a misspelt field must be found here.
//! The names are those of the custom resource definitions of spin-operator 0.6.1 and, as far as they are used, Cilium 1.18.

mod cilium;
mod spin_kube;
mod webhook;

use serde_json::{Value, json};

use self::{
    cilium::CiliumNetworkPolicy,
    spin_kube::{SpinApp, SpinAppExecutor},
};
use crate::rendered::{changed, is_custom, kind, overlays};

/// What is wrong with an object of a custom kind by itself.
fn complaint(object: &Value) -> Result<(), String> {
    let api = object["apiVersion"].as_str().unwrap_or_default();
    let object = object.clone();
    let outcome = match (api, kind(&object)) {
        ("core.spinkube.dev/v1alpha1", "SpinApp") => serde_json::from_value::<SpinApp>(object).map(drop),
        ("core.spinkube.dev/v1alpha1", "SpinAppExecutor") => {
            serde_json::from_value::<SpinAppExecutor>(object).map(drop)
        }
        ("cilium.io/v2", "CiliumNetworkPolicy") => serde_json::from_value::<CiliumNetworkPolicy>(object).map(drop),
        (api, kind) => return Err(format!("no schema for {kind} of {api}")),
    };
    outcome.map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_object_is_valid() {
    let Some(overlays) = overlays().await else { return };
    let mut checked = 0;
    for (overlay, objects) in overlays {
        for object in objects.iter().filter(|object| is_custom(object)) {
            complaint(object).unwrap_or_else(|complaint| panic!("{overlay}: {complaint}"));
            checked += 1;
        }
        let complaints = webhook::complaints(objects);
        assert!(complaints.is_empty(), "{overlay}: {complaints:?}");
    }
    assert_eq!(checked, 3, "a SpinApp, its executor and a Cilium policy");
}

#[tokio::test]
async fn a_mistake_is_found() {
    let Some(overlays) = overlays().await else { return };
    let mistakes = [
        ("spinkube", "SpinApp", "/spec/checks/readyness", json!({}), "readyness"),
        ("spinkube", "SpinApp", "/spec/runtimeConfig/loadfromSecret", json!("x"), "loadfromSecret"),
        ("spinkube", "SpinApp", "/spec/checks/liveness/httpGet/port", json!(80), "port"),
        ("spinkube", "SpinApp", "/spec/securityContext", json!({}), "securityContext"),
        ("spinkube", "SpinApp", "/spec/image", Value::Null, "image"),
        ("spinkube", "SpinApp", "/spec/enableAutoscaling", json!("true"), "boolean"),
        (
            "spinkube",
            "SpinAppExecutor",
            "/spec/deploymentConfig/installDefaultCaCerts",
            json!(true),
            "installDefaultCaCerts",
        ),
        (
            "kubernetes/overlays/key-vault-by-name",
            "CiliumNetworkPolicy",
            "/spec/egress/1/toFqdns",
            json!([]),
            "toFqdns",
        ),
    ];
    for (overlay, of_kind, pointer, new, named) in mistakes {
        let object = overlays[overlay].iter().find(|object| kind(object) == of_kind).unwrap();
        let complaint = complaint(&changed(object, pointer, new)).expect_err(pointer);
        assert!(complaint.contains(named), "{pointer}: {complaint}");
    }
}

#[tokio::test]
async fn what_the_webhook_refuses_is_found() {
    let Some(overlays) = overlays().await else { return };
    let objects = &overlays["spinkube"];
    let mistakes = [
        ("SpinApp", "/spec/replicas", json!(2), "replicas"),
        ("SpinApp", "/spec/enableAutoscaling", json!(false), "replicas"),
        ("SpinApp", "/spec/executor", json!("containerd-shim-spin"), "executor"),
        ("SpinApp", "/metadata/namespace", json!("elsewhere"), "executor"),
        ("SpinApp", "/spec/runtimeConfig/keyValueStores", json!([]), "loadFromSecret"),
        ("SpinAppExecutor", "/spec/createDeployment", json!(false), "deploymentConfig"),
        ("SpinAppExecutor", "/spec/deploymentConfig/runtimeClassName", json!("wasmtime-spin-v2"), "spinImage"),
    ];
    for (of_kind, pointer, new, named) in mistakes {
        let objects: Vec<Value> = objects
            .iter()
            .map(|object| if kind(object) == of_kind { changed(object, pointer, new.clone()) } else { object.clone() })
            .collect();
        let complaints = webhook::complaints(&objects);
        assert!(complaints.iter().any(|complaint| complaint.contains(named)), "{pointer}: {complaints:?}");
    }
}
