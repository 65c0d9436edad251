//! What is checked: the API, and the component `entra` as a gateway and as a sidecar, each configured in the same way and
//! asked for the caller's profile.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use cargo_dev::{commands::deep::Subject, component::Component, workspace};
use emulated_tenant::Tenant;
use tokio::fs;
use toml::{Table, Value};

use super::{
    app::App,
    evidence::{Evidence, traps},
};
use crate::run::{Api, ApiOptions, manifest};

/// A subject that runs. Dropping it ends it.
pub(super) struct Running {
    pub(super) api: Api,
    /// The app behind the gateway.
    pub(super) app: Option<App>,
    options: ApiOptions,
}

impl Running {
    /// Builds the subject unless this process has done so, and starts it.
    ///
    /// # Errors
    /// If it does not build or start.
    pub(super) async fn start(subject: Subject, tenant: Arc<Tenant>, mut options: ApiOptions) -> Result<Self> {
        let mut app = None;
        if subject != Subject::Api {
            Component::Entra.build(options.progress).await?;
            let values = std::mem::take(&mut options.component_variables);
            options.manifest = Some(if subject == Subject::Gateway {
                let app = app.insert(App::start().await?);
                gateway(values, &app.url()).await?
            } else {
                let probe = Component::Probe.build(options.progress).await?;
                sidecar(values, probe.to_str().context("the project is in a folder whose name is not UTF-8")?).await?
            });
        }
        let api = Api::start_for(tenant, options.clone()).await?;
        Ok(Self { api, app, options })
    }

    /// Ends it, and says what was wrong while it ran.
    pub(super) async fn end(self) -> Ended {
        self.api.server.stop().await;
        let log = Evidence::log_of(&self.options);
        let mut wrong = traps(&log);
        wrong.extend(self.app.iter().flat_map(App::wrong));
        Ended { log, wrong }
    }
}

/// What a subject leaves.
pub(super) struct Ended {
    pub(super) log: Vec<String>,
    pub(super) wrong: Vec<String>,
}

/// The component in front of an app elsewhere.
async fn gateway(mut values: BTreeMap<String, String>, app: &str) -> Result<String> {
    values.extend([("upstream", app), ("access_token_for", "graph")].map(|(name, value)| (name.into(), value.into())));
    let mut manifest = entra_manifest(&values).await?;
    manifest.extend(toml::toml! {
        trigger.http = [{ route = "/...", component = "entra" }]
    });
    hosts(&mut manifest)?.push(app.into());
    toml::to_string(&manifest).context("the manifest of the gateway")
}

/// The component behind the probe, which passes requests on to it.
async fn sidecar(mut values: BTreeMap<String, String>, probe: &str) -> Result<String> {
    values.insert("upstream".to_owned(), String::new());
    let mut manifest = entra_manifest(&values).await?;
    manifest.extend(toml::toml! {
        trigger.http = [{ route = "/...", component = "probe" }, { route = { private = true }, component = "entra" }]
    });
    let hosts = vec!["http://entra.spin.internal"].into();
    let component =
        Table::from_iter([("source".to_owned(), probe.into()), ("allowed_outbound_hosts".to_owned(), hosts)]);
    components(&mut manifest)?.insert("probe".to_owned(), component.into());
    toml::to_string(&manifest).context("the manifest of the sidecar")
}

/// The manifest of the component with these settings, without its app.
async fn entra_manifest(values: &BTreeMap<String, String>) -> Result<Table> {
    let folder = workspace::root().join("components/entra");
    let text = fs::read_to_string(folder.join("spin.toml")).await.context("the manifest of entra")?;
    let mut manifest: Table = manifest::derive(&text, &folder, "entra", values, &[])?.parse()?;
    components(&mut manifest)?.remove("my-api").context("the manifest of entra has no my-api")?;
    hosts(&mut manifest)?.retain(|host| host.as_str() != Some("http://my-api.spin.internal"));
    Ok(manifest)
}

fn hosts(manifest: &mut Table) -> Result<&mut Vec<Value>> {
    let entra = components(manifest)?.get_mut("entra").and_then(|entra| entra.get_mut("allowed_outbound_hosts"));
    entra.and_then(Value::as_array_mut).context("entra has no allowed_outbound_hosts")
}

fn components(manifest: &mut Table) -> Result<&mut Table> {
    manifest.get_mut("component").and_then(Value::as_table_mut).context("a manifest without components")
}
