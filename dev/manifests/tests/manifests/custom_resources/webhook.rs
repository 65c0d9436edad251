//! The rules of spin-operator's admission webhook, which no schema contains.
//! <https://github.com/spinframework/spin-operator/blob/v0.6.1/internal/webhook/spinapp_validating.go>

use serde_json::Value;

use crate::rendered::{kind, text};

/// What the webhook refuses in `objects`, if they are created together.
pub(super) fn complaints(objects: &[Value]) -> Vec<String> {
    let apps = objects.iter().filter(|object| kind(object) == "SpinApp");
    let of_apps = apps.flat_map(|app| of_app(app, objects));
    let executors = objects.iter().filter(|object| kind(object) == "SpinAppExecutor");
    of_apps.chain(executors.filter_map(of_executor)).collect()
}

fn of_app(app: &Value, objects: &[Value]) -> Vec<String> {
    let mut complaints = Vec::new();
    let spec = &app["spec"];
    let replicas = spec["replicas"].as_u64();
    match (spec["enableAutoscaling"].as_bool().unwrap_or(false), replicas) {
        (true, Some(1..)) => complaints.push("replicas must not be set with enableAutoscaling".to_owned()),
        (false, None | Some(0)) => complaints.push("replicas must be at least 1 without enableAutoscaling".to_owned()),
        _ => {}
    }

    let (name, namespace) = (text(app, "/spec/executor"), text(app, "/metadata/namespace"));
    let executor = objects.iter().find(|object| {
        kind(object) == "SpinAppExecutor"
            && text(object, "/metadata/name") == name
            && text(object, "/metadata/namespace") == namespace
    });
    match executor {
        None => complaints.push(format!("no executor {name} in the namespace {namespace}")),
        Some(executor) if executor["spec"]["createDeployment"] == true => {}
        Some(_) => {
            for annotations in ["deploymentAnnotations", "podAnnotations"] {
                if !spec[annotations].is_null() {
                    complaints.push(format!("{annotations} need an executor with createDeployment"));
                }
            }
        }
    }

    let configuration = spec["runtimeConfig"].as_object();
    if configuration.is_some_and(|members| members.contains_key("loadFromSecret") && members.len() > 1) {
        complaints.push("loadFromSecret excludes the other members of runtimeConfig".to_owned());
    }
    complaints
}

fn of_executor(executor: &Value) -> Option<String> {
    let configuration = &executor["spec"]["deploymentConfig"];
    if executor["spec"]["createDeployment"] != true {
        return (!configuration.is_null()).then(|| "deploymentConfig needs createDeployment".to_owned());
    }
    let runtime_class = configuration["runtimeClassName"].is_string();
    let image = configuration["spinImage"].is_string();
    (runtime_class == image).then(|| "exactly one of runtimeClassName and spinImage is needed".to_owned())
}
