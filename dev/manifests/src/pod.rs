//! What a container runs: arguments, environment, and the mounted files that are known.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{image::Image, kustomize::only};

/// The container of a rendered Deployment or SpinApp.
#[derive(Debug, PartialEq, Eq)]
pub struct Container {
    /// The arguments of `spin`.
    pub arguments: Vec<String>,
    /// Variables with a value in the manifest.
    pub environment: BTreeMap<String, String>,
    /// Variables whose value is in a Secret that the manifests do not contain: its name and key.
    pub from_secrets: BTreeMap<String, (String, String)>,
    /// The mounted files of the Secrets that the manifests contain.
    pub files: BTreeMap<PathBuf, String>,
}

impl Container {
    /// The container of the only Deployment, which runs `image`.
    ///
    /// # Errors
    /// If there is no such Deployment, or something that it refers to is missing.
    pub fn of_deployment(objects: &[Value], image: &Image) -> Result<Self> {
        let deployment = only(objects, "Deployment")?;
        let spec = deployment.pointer("/spec/template/spec").context("the Deployment has no pod")?;
        let container = spec.pointer("/containers/0").context("the pod has no container")?;
        ensure!(spec.pointer("/containers/1").is_none(), "the pod has several containers");
        ensure!(container.get("command").is_none(), "the pod replaces the image's entrypoint");
        let program = image.entrypoint.split_first().context("the image has no entrypoint")?;
        let own = list(container, "args").filter_map(Value::as_str).map(str::to_owned);

        let (mut environment, mut from_secrets) = (image.environment.clone(), BTreeMap::new());
        for variable in list(container, "env") {
            let name = text(variable, "/name")?.to_owned();
            match variable.get("value").and_then(Value::as_str) {
                Some(value) => drop(environment.insert(name, value.to_owned())),
                None => {
                    let secret = variable.pointer("/valueFrom/secretKeyRef");
                    let secret = secret.with_context(|| format!("{name} has no value"))?;
                    let secret = (text(secret, "/name")?.to_owned(), text(secret, "/key")?.to_owned());
                    from_secrets.insert(name, secret);
                }
            }
        }

        let mut files = BTreeMap::new();
        for mount in list(container, "volumeMounts") {
            let name = text(mount, "/name")?;
            let volume = list(spec, "volumes").find(|volume| volume.get("name").and_then(Value::as_str) == Some(name));
            let volume = volume.with_context(|| format!("no volume {name}"))?;
            let Some(secret) = volume.pointer("/secret/secretName").and_then(Value::as_str) else { continue };
            for (file, content) in secret_files(objects, secret)? {
                files.insert(PathBuf::from(text(mount, "/mountPath")?).join(file), content);
            }
        }
        Ok(Self { arguments: program.1.iter().cloned().chain(own).collect(), environment, from_secrets, files })
    }

    /// The container that spin-operator 0.6 starts for the only SpinApp whose executor has a `spinImage`.
    ///
    /// # Errors
    /// If there is no such SpinApp, or something that it refers to is missing.
    pub fn of_spin_app(objects: &[Value]) -> Result<Self> {
        let spec = only(objects, "SpinApp")?.get("spec").context("the SpinApp has no spec")?;
        let image = text(spec, "/image")?;
        let secret = secret_files(objects, text(spec, "/runtimeConfig/loadFromSecret")?)?;
        let configuration = secret.get("runtime-config.toml").context("the Secret has no runtime-config.toml")?;
        let arguments = ["up", "--listen", "0.0.0.0:80", "-f", image, "--runtime-config-file", "/runtime-config.toml"];
        Ok(Self {
            arguments: arguments.map(str::to_owned).into(),
            environment: BTreeMap::new(),
            from_secrets: BTreeMap::new(),
            files: BTreeMap::from([("/runtime-config.toml".into(), configuration.clone())]),
        })
    }
}

/// The files of a Secret, by their names.
fn secret_files(objects: &[Value], name: &str) -> Result<BTreeMap<String, String>> {
    let secrets = objects.iter().filter(|object| object.get("kind").and_then(Value::as_str) == Some("Secret"));
    let mut named = secrets.filter(|secret| secret.pointer("/metadata/name").and_then(Value::as_str) == Some(name));
    let secret = named.next().with_context(|| format!("no Secret {name}"))?;
    let data = secret.get("data").and_then(Value::as_object).context("a Secret without data")?;
    data.iter()
        .map(|(file, content)| {
            let encoded: String = content.as_str().unwrap_or_default().split_whitespace().collect();
            let decoded = String::from_utf8(STANDARD.decode(encoded).context("a Secret that is not base64")?)?;
            Ok((file.clone(), decoded))
        })
        .collect()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no text at {pointer} of {value}"))
}
