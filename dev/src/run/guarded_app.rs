//! An app of `examples/` on this machine, behind the guard `entra`, and the emulated tenant that the guard trusts.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use cargo_dev::{
    commands::up::Language,
    component::Component,
    npm_and_pip::{npm, pip},
    programs::output_of,
    progress::Progress,
    runner::Runner,
    workspace,
};
use emulated_tenant::{Tenant, TenantOptions};
use futures::FutureExt;
use tokio::{fs, process::Command};
use toml::{Table, Value};

use super::{
    directory::RunDirectory, log::LogSink, manifest, options::HostOptions, runner::AvailableRunner,
    runtime_config::KeyValueStore, server::Server,
};

/// An app of `examples/`, and what its language needs to build it.
#[derive(Debug)]
pub struct Example {
    language: Language,
    /// Where the language's packages are, if it has any.
    packages: PathBuf,
}

impl Example {
    /// Fetches what the language needs into `target/`, once.
    ///
    /// # Errors
    /// If the machine does not have the language, or cannot reach its registry.
    pub async fn install(language: Language, progress: Progress) -> Result<Self> {
        let source = source(language);
        let step = progress.step_if_needed(&format!("Fetching what {} needs", language.folder()));
        let packages = match language {
            Language::Rust => Ok(PathBuf::new()),
            Language::Javascript => npm(&source).await,
            Language::Python => pip(&source).await,
        };
        let packages =
            packages.with_context(|| format!("the example in {} cannot be built here", language.folder()))?;
        step.done(&format!("Fetched what {} needs", language.folder()));
        Ok(Self { language, packages })
    }

    /// Builds the app, and returns its Wasm file.
    ///
    /// # Errors
    /// If it does not build.
    pub async fn build(&self, progress: Progress) -> Result<PathBuf> {
        let source = source(self.language);
        let building = match self.language {
            Language::Rust => return Component::RustExample.build(progress).await,
            Language::Javascript => in_javascript(&self.packages).boxed(),
            Language::Python => in_python(&source, &self.packages).boxed(),
        };
        let step = progress.step_if_needed(&format!("Building the example in {}", self.language.folder()));
        let built =
            building.await.with_context(|| format!("the example in {} does not build", self.language.folder()))?;
        step.done(&format!("Built the example in {}", self.language.folder()));
        Ok(built)
    }
}

fn source(language: Language) -> String {
    format!("examples/{}", language.folder())
}

async fn in_javascript(folder: &Path) -> Result<PathBuf> {
    output_of(Command::new("npm").args(["run", "build"]).current_dir(folder)).await?;
    Ok(folder.join("dist/guarded-javascript.wasm"))
}

/// Unless it is built already, which takes long.
async fn in_python(source: &str, packages: &Path) -> Result<PathBuf> {
    // Python writes next to the source.
    let folder = workspace::target().join(source);
    let (app, built) = (workspace::root().join(source).join("app.py"), folder.join("app.wasm"));
    let changed = async |file: &Path| fs::metadata(file).await.and_then(|metadata| metadata.modified()).ok();
    if changed(&built).await < changed(&packages.join("installed")).await.max(changed(&app).await) {
        fs::create_dir_all(&folder).await?;
        fs::copy(app, folder.join("app.py")).await?;
        let arguments = ["-w", "spin:up/http-trigger@4.1.0", "componentize", "app", "-o", "app.wasm"];
        let mut componentize = Command::new(packages.join("bin/componentize-py"));
        output_of(componentize.args(arguments).env("VIRTUAL_ENV", packages).current_dir(folder)).await?;
    }
    Ok(built)
}

/// How to run it. The defaults are for tests.
#[derive(Clone, Debug)]
pub struct GuardedAppOptions {
    /// What runs the components.
    pub runner: Runner,
    /// The example whose manifest is used.
    pub example: Language,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The URL of an app elsewhere, to which the guard forwards instead.
    pub upstream: Option<String>,
    /// Further addresses that the guard may call.
    pub outbound_hosts: Vec<String>,
    /// The tenant that the guard trusts. Default: one of its own.
    pub tenant: Option<Arc<Tenant>>,
    /// What instances of the guard share.
    pub store: KeyValueStore,
    /// Values that replace those of the guard's variables in the manifest.
    pub guard_variables: BTreeMap<String, String>,
    /// Where the components' log lines go.
    pub log: LogSink,
    /// Where the host keeps its state. Default: a temporary folder.
    pub directory: Option<PathBuf>,
    /// How progress is shown.
    pub progress: Progress,
}

impl Default for GuardedAppOptions {
    fn default() -> Self {
        Self {
            runner: Runner::default(),
            example: Language::Rust,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            upstream: None,
            outbound_hosts: Vec::new(),
            tenant: None,
            store: KeyValueStore::default(),
            guard_variables: BTreeMap::new(),
            log: LogSink::Collect,
            directory: None,
            progress: Progress::default(),
        }
    }
}

/// A running app. Dropping it ends it.
#[derive(Debug)]
pub struct GuardedApp {
    /// The tenant that its guard trusts.
    pub tenant: Arc<Tenant>,
    /// What serves it.
    pub server: Server,
    _directory: RunDirectory,
}

impl GuardedApp {
    /// Builds the guard unless this process has done so, and serves the Wasm file `app` behind it.
    ///
    /// # Errors
    /// If the guard does not build, the port is taken, or it does not start.
    pub async fn start(app: &Path, options: GuardedAppOptions) -> Result<Self> {
        let host = AvailableRunner::find(options.runner, options.progress).await?;
        Component::Entra.build(options.progress).await?;
        let tenant = match &options.tenant {
            Some(tenant) => Arc::clone(tenant),
            None => Arc::new(Tenant::start(TenantOptions::default()).await?),
        };
        let directory = RunDirectory::prepare(options.directory.clone()).await?;
        let runtime_config = match options.store.configuration() {
            Some(configuration) => Some(directory.write("runtime-config.toml", configuration).await?),
            None => None,
        };
        let manifest = directory.write("spin.toml", guarded_manifest(app, &options).await?).await?;
        let variables = [
            ("tenant_id", tenant.tenant_id()),
            ("client_id", tenant.client_id()),
            ("authority_host", tenant.authority_url()),
            ("graph_url", tenant.graph_url()),
        ];
        let server = host
            .serve(HostOptions {
                runtime_config,
                listen: options.listen,
                // Not among the variables, which the host gets on its command line, where every user can see them.
                environment: BTreeMap::from([("SPIN_VARIABLE_CLIENTSECRET".to_owned(), tenant.client_secret())]),
                variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                log: options.log,
                ..HostOptions::new(manifest, directory.path().join(host.state_folder()))
            })
            .await?;
        Ok(Self { tenant, server, _directory: directory })
    }
}

/// The manifest of the example, with another file for its app.
async fn guarded_manifest(app: &Path, options: &GuardedAppOptions) -> Result<String> {
    let folder = workspace::root().join(source(options.example));
    let text = fs::read_to_string(folder.join("spin.toml")).await?;
    let mut manifest: Table = manifest::derive(&text, &folder, "entra", &BTreeMap::new(), &[])?.parse()?;
    let components = manifest.get_mut("component").and_then(Value::as_table_mut).context("no component")?;
    // Settings that the example leaves at their defaults are not in its manifest.
    let variables = components.get_mut("entra").and_then(|guard| guard.get_mut("variables"));
    let variables = variables.and_then(Value::as_table_mut).context("the guard has no variables")?;
    variables.extend(options.guard_variables.iter().map(|(name, value)| (name.clone(), value.clone().into())));
    if let Some(upstream) = &options.upstream {
        variables.insert("upstream".to_owned(), upstream.clone().into());
    }
    let hosts = components.get_mut("entra").and_then(|guard| guard.get_mut("allowed_outbound_hosts"));
    let hosts = hosts.and_then(Value::as_array_mut).context("the guard has no allowed_outbound_hosts")?;
    hosts.extend(options.upstream.iter().chain(&options.outbound_hosts).map(|host| host.clone().into()));
    let component = components.get_mut("my-api").and_then(Value::as_table_mut).context("no component my-api")?;
    component.insert("source".to_owned(), app.to_str().context("the app's path is not UTF-8")?.into());
    toml::to_string(&manifest).context("the derived manifest")
}
