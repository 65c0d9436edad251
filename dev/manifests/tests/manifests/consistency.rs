//! That the objects fit each other, the image, and the project's own files.

use std::{collections::BTreeSet, fs, path::Path};

use cargo_dev::workspace;
use deployment_manifests::{image::Image, kustomize::only, pod::Container};
use serde_json::{Value, json};
use toml::Table;

use crate::rendered::{kind, overlays, text};

/// The overlays with a Deployment of our own.
fn is_deployment(overlay: &str) -> bool {
    overlay.starts_with("kubernetes/")
}

#[tokio::test]
async fn each_selector_selects_the_pods() {
    let Some(overlays) = overlays().await else { return };
    for (overlay, objects) in overlays.iter().filter(|(overlay, _)| is_deployment(overlay)) {
        let deployment = only(objects, "Deployment").unwrap();
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        assert_eq!(labels, &json!({"app.kubernetes.io/name": "profile-get"}), "{overlay}");
        let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["labelSelector"];
        let mut selectors = vec![&deployment["spec"]["selector"]["matchLabels"], &spread["matchLabels"]];
        for object in objects {
            let selector = match kind(object) {
                "Service" => "/spec/selector",
                "PodDisruptionBudget" => "/spec/selector/matchLabels",
                "NetworkPolicy" => "/spec/podSelector/matchLabels",
                "CiliumNetworkPolicy" => "/spec/endpointSelector/matchLabels",
                _ => continue,
            };
            selectors.push(object.pointer(selector).unwrap_or_else(|| panic!("{overlay}: {object}")));
        }
        assert!(selectors.iter().all(|selector| *selector == labels), "{overlay}: {selectors:?}");
    }
}

#[tokio::test]
async fn all_objects_are_in_one_namespace() {
    let Some(overlays) = overlays().await else { return };
    for object in overlays.values().flatten() {
        assert_eq!(text(object, "/metadata/namespace"), "profile-get", "{object}");
    }
}

#[tokio::test]
async fn the_container_is_that_of_the_image() {
    let Some(overlays) = overlays().await else { return };
    let image = Image::load().unwrap();
    for (overlay, objects) in overlays.iter().filter(|(overlay, _)| is_deployment(overlay)) {
        let pod = &only(objects, "Deployment").unwrap()["spec"]["template"]["spec"];
        let context = &pod["securityContext"];
        assert_eq!(image.user, format!("{}:{}", context["runAsUser"], context["runAsGroup"]), "{overlay}");
        assert_eq!(pod["containers"][0]["ports"], json!([{"containerPort": image.port, "name": "http"}]), "{overlay}");
        assert!(image.port > 1024, "the user may not listen below");
        assert!(image.entrypoint.contains(&format!("0.0.0.0:{}", image.port)));

        // Everything that Spin writes is below the one mount that can be written to.
        let container = Container::of_deployment(objects, &image).unwrap();
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        let writable: Vec<&str> =
            mounts.iter().filter(|mount| mount["readOnly"] != true).map(|mount| text(mount, "/mountPath")).collect();
        assert_eq!(writable, ["/state"], "{overlay}");
        let state = &container.arguments[position(&container.arguments, "--state-dir") + 1];
        for path in [state, &image.environment["TMPDIR"], &image.environment["XDG_CACHE_HOME"]] {
            assert!(Path::new(path).starts_with("/state"), "{path}");
        }

        let configuration = Path::new(&container.environment["RUNTIME_CONFIG_FILE"]);
        assert!(container.files.contains_key(configuration), "{overlay}: {:?}", container.files.keys());
    }
}

fn position(arguments: &[String], name: &str) -> usize {
    arguments.iter().position(|argument| argument == name).unwrap()
}

#[tokio::test]
async fn a_pod_ends_after_its_requests() {
    let Some(overlays) = overlays().await else { return };
    let manifest = table("spin.toml");
    let variables = &manifest["component"]["profile-get"]["variables"];
    let longest: u64 = variables["request_timeout"].as_str().unwrap().parse().unwrap();
    for (overlay, objects) in overlays.iter().filter(|(overlay, _)| is_deployment(overlay)) {
        let pod = &only(objects, "Deployment").unwrap()["spec"]["template"]["spec"];
        let waits = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap();
        let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        assert!(longest < waits && waits < grace, "{overlay}: {longest}, {waits}, {grace}");
    }
}

/// Key Vault's provider ends the search at a name that it lacks, so the providers before it must have all of them.
#[tokio::test]
async fn the_runtime_configurations_have_every_variable() {
    let Some(overlays) = overlays().await else { return };
    let image = Image::load().unwrap();
    let manifest = table("spin.toml");
    let variables = manifest["variables"].as_table().unwrap().keys();
    let expected: BTreeSet<&str> = variables.map(String::as_str).filter(|name| *name != "clientsecret").collect();
    for (overlay, objects) in overlays {
        let container = if is_deployment(overlay) {
            Container::of_deployment(objects, &image).unwrap()
        } else {
            Container::of_spin_app(objects).unwrap()
        };
        let configuration: Table = container.files.values().next().unwrap().parse().unwrap();
        let providers = configuration["variables_provider"].as_array().unwrap();
        let values: BTreeSet<&str> = providers[0]["values"].as_table().unwrap().keys().map(String::as_str).collect();
        assert_eq!(values, expected, "{overlay}");
        let kinds: Vec<&str> = providers.iter().map(|provider| provider["type"].as_str().unwrap()).collect();
        let from_secrets: Vec<&str> = container.from_secrets.keys().map(String::as_str).collect();
        let credential = providers[0]["values"]["client_credential"].as_str().unwrap();
        let expected = match overlay.rsplit('/').next().unwrap() {
            "kubernetes-secret" => ("clientsecret", vec!["static"], vec!["SPIN_VARIABLE_CLIENTSECRET"]),
            "workload-identity" => ("token_file", vec!["static"], vec![]),
            _ => ("clientsecret", vec!["static", "azure_key_vault"], vec![]),
        };
        assert_eq!((credential, kinds, from_secrets), expected, "{overlay}");
    }
}

#[tokio::test]
async fn versions_are_the_same_everywhere() {
    let Some(overlays) = overlays().await else { return };
    let version = table("Cargo.toml")["workspace"]["package"]["version"].as_str().unwrap().to_owned();
    for (overlay, objects) in overlays {
        let image = match is_deployment(overlay) {
            true => text(only(objects, "Deployment").unwrap(), "/spec/template/spec/containers/0/image"),
            false => text(only(objects, "SpinApp").unwrap(), "/spec/image"),
        };
        assert_eq!(image, format!("YOUR-REGISTRY/profile-get:{version}"), "{overlay}");
    }

    let spin = Image::load().unwrap().base;
    let executor = only(&overlays["spinkube"], "SpinAppExecutor").unwrap();
    assert_eq!(text(executor, "/spec/deploymentConfig/spinImage"), spin);
    let release = fs::read_to_string(workspace::root().join(".github/workflows/release.yml")).unwrap();
    let tag = spin.rsplit(':').next().unwrap();
    assert!(release.contains(&format!("SPIN_VERSION: {tag}\n")), "{tag}");
}

/// The component reads the token below a folder in `files`, which the `Dockerfile` switches on.
#[tokio::test]
async fn the_token_is_where_the_component_reads_it() {
    let Some(overlays) = overlays().await else { return };
    let manifest = fs::read_to_string(workspace::root().join("spin.toml")).unwrap();
    let switch = ("# files = ", "files = ");
    let dockerfile = fs::read_to_string(workspace::root().join("Dockerfile")).unwrap();
    assert!(dockerfile.contains(&format!("\"s/^{}/{}/\" /app/spin.toml", switch.0, switch.1)));
    assert!(dockerfile.contains("/empty /var/run/secrets/azure/tokens\n"));
    let manifest: Table = manifest.replace(&format!("\n{}", switch.0), &format!("\n{}", switch.1)).parse().unwrap();
    let component = &manifest["component"]["profile-get"];
    let file = Path::new(component["variables"]["federated_token_file"].as_str().unwrap());
    let (folder, name) = (file.parent().unwrap().to_str().unwrap(), file.file_name().unwrap().to_str().unwrap());
    assert_eq!(component["files"][0]["source"].as_str(), Some(folder));
    assert_eq!(component["files"][0]["destination"].as_str(), Some(folder));

    let with_token = ["workload-identity", "key-vault", "key-vault-by-name"];
    for overlay in with_token.map(|name| format!("kubernetes/overlays/{name}")) {
        let pod = &only(&overlays[overlay.as_str()], "Deployment").unwrap()["spec"]["template"]["spec"];
        let named = |list: &Value| {
            let items = list.as_array().unwrap().iter();
            items.filter(|item| item["name"] == "federated-token").cloned().collect::<Vec<_>>()
        };
        assert_eq!(text(&named(&pod["containers"][0]["volumeMounts"])[0], "/mountPath"), folder, "{overlay}");
        let token = &named(&pod["volumes"])[0]["projected"]["sources"][0]["serviceAccountToken"];
        assert_eq!(token["path"], name, "{overlay}");
        assert_eq!(token["audience"], "api://AzureADTokenExchange", "{overlay}");
    }
}

/// The copies of files that Kustomize cannot share between folders.
#[test]
fn copies_are_the_same() {
    for (one, other) in [
        ("kubernetes/overlays/key-vault/runtime-config.toml", "spinkube/runtime-config.toml"),
        ("kubernetes/base/horizontal-pod-autoscaler.yaml", "spinkube/horizontal-pod-autoscaler.yaml"),
    ] {
        let read = |path| deployment_manifests::kustomize::read(path).unwrap();
        assert_eq!(read(one), read(other), "{one} and {other}");
    }
}

#[tokio::test]
async fn the_autoscaler_scales_a_deployment_with_requested_resources() {
    let Some(overlays) = overlays().await else { return };
    for (overlay, objects) in overlays {
        let target = &only(objects, "HorizontalPodAutoscaler").unwrap()["spec"]["scaleTargetRef"];
        let (scaled, resources) = match is_deployment(overlay) {
            true => (only(objects, "Deployment").unwrap(), "/spec/template/spec/containers/0/resources/requests/cpu"),
            // The operator names the Deployment as the SpinApp.
            false => (only(objects, "SpinApp").unwrap(), "/spec/resources/requests/cpu"),
        };
        assert_eq!(text(target, "/name"), text(scaled, "/metadata/name"), "{overlay}");
        assert!(scaled.pointer(resources).is_some_and(Value::is_string), "{overlay}");
        assert!(scaled["spec"]["replicas"].is_null(), "{overlay}: the autoscaler sets them");
    }
}

fn table(file: &str) -> Table {
    fs::read_to_string(workspace::root().join(file)).unwrap().parse().unwrap()
}
