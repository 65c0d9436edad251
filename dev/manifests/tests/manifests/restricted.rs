//! Whether pods satisfy the Pod Security Standard *restricted*.
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>

use serde_json::{Value, json};

use crate::rendered::{changed, kind, overlays};

/// The volumes that are allowed.
const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/// What *restricted* forbids about the pods of a Deployment.
fn violations(deployment: &Value) -> Vec<String> {
    let pod = &deployment["spec"]["template"]["spec"];
    let mut violations = Vec::new();
    for name in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod[name] == true {
            violations.push(name.to_owned());
        }
    }
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        violations.extend(kinds.filter(|kind| !VOLUMES.contains(&kind.as_str())).map(|kind| format!("volume {kind}")));
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in pod[list].as_array().into_iter().flatten() {
            violations.extend(of_container(&pod["securityContext"], container));
        }
    }
    violations
}

fn of_container(pod: &Value, container: &Value) -> Vec<String> {
    let own = &container["securityContext"];
    let either = |name: &str| if own[name].is_null() { &pod[name] } else { &own[name] };
    let capabilities = |list: &str| own["capabilities"][list].as_array().cloned().unwrap_or_default();
    let requirements = [
        ("privileged", own["privileged"] != true),
        ("allowPrivilegeEscalation", own["allowPrivilegeEscalation"] == false),
        ("runAsNonRoot", either("runAsNonRoot") == true),
        ("runAsUser", either("runAsUser") != 0),
        (
            "seccompProfile",
            ["RuntimeDefault", "Localhost"].contains(&either("seccompProfile")["type"].as_str().unwrap_or_default()),
        ),
        ("capabilities.drop", capabilities("drop").contains(&json!("ALL"))),
        ("capabilities.add", capabilities("add").iter().all(|capability| capability == "NET_BIND_SERVICE")),
        ("procMount", own["procMount"].is_null() || own["procMount"] == "Default"),
        ("hostPort", container["ports"].as_array().into_iter().flatten().all(|port| port["hostPort"].is_null())),
    ];
    requirements.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test]
async fn the_deployments_satisfy_it() {
    let Some(overlays) = overlays().await else { return };
    let deployments = overlays.values().flatten().filter(|object| kind(object) == "Deployment");
    let mut checked = 0;
    for deployment in deployments {
        assert_eq!(violations(deployment), Vec::<String>::new());
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "more than restricted asks for");
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[tokio::test]
async fn each_rule_is_checked() {
    let Some(overlays) = overlays().await else { return };
    let deployment =
        overlays["kubernetes/overlays/key-vault"].iter().find(|object| kind(object) == "Deployment").unwrap();
    let mistakes = [
        ("/hostNetwork", json!(true), "hostNetwork"),
        ("/hostPID", json!(true), "hostPID"),
        ("/volumes/0", json!({"name": "node", "hostPath": {"path": "/"}}), "volume hostPath"),
        ("/securityContext/runAsNonRoot", Value::Null, "runAsNonRoot"),
        ("/securityContext/runAsUser", json!(0), "runAsUser"),
        ("/securityContext/seccompProfile", Value::Null, "seccompProfile"),
        ("/containers/0/securityContext/privileged", json!(true), "privileged"),
        ("/containers/0/securityContext/allowPrivilegeEscalation", Value::Null, "allowPrivilegeEscalation"),
        ("/containers/0/securityContext/capabilities/drop", Value::Null, "capabilities.drop"),
        ("/containers/0/securityContext/capabilities/add", json!(["SYS_ADMIN"]), "capabilities.add"),
        ("/containers/0/ports/0/hostPort", json!(80), "hostPort"),
        ("/initContainers", json!([{"name": "first"}]), "allowPrivilegeEscalation"),
    ];
    for (pointer, new, named) in mistakes {
        let pointer = format!("/spec/template/spec{pointer}");
        let violations = violations(&changed(deployment, &pointer, new));
        assert!(violations.iter().any(|violation| violation == named), "{pointer}: {violations:?}");
    }
}
