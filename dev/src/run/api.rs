//! The API on this machine, and the emulated tenant that it is configured for.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result};
use cargo_dev::{component::Component, progress::Progress, runner::Runner, workspace};
use emulated_tenant::{Tenant, TenantOptions};
use tokio::fs;

use super::{
    directory::RunDirectory,
    log::LogSink,
    manifest,
    options::{HostOptions, InstanceReuse},
    runner::AvailableRunner,
    runtime_config::{self, Endpoints, KeyValueStore},
    server::Server,
};

/// The component's name in `spin.toml`.
const COMPONENT: &str = "profile-get";

/// How to run it. The defaults are for tests: the embedded host, free ports, collected logs, a temporary folder.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// What runs the component.
    pub runner: Runner,
    /// Where the API listens. Port 0 means any free port.
    pub listen: SocketAddr,
    /// The manifest of another application with the same variables, which is run instead of the API. Its sources are
    /// absolute, and the tenant speaks plain HTTP.
    pub manifest: Option<String>,
    /// Application variables that take precedence over all providers, like those of `spin up --variable`.
    pub variables: BTreeMap<String, String>,
    /// Replacements for fixed values in the component's variables in `spin.toml`, by name.
    pub component_variables: BTreeMap<String, String>,
    /// Folders that the component reads, and where it sees them. Relative ones are below the run's own folder.
    pub files: Vec<(PathBuf, String)>,
    /// Whether it reads those folders themselves, and not copies made at the start.
    pub direct_mounts: bool,
    /// The protocol and the ports of the emulated tenant.
    pub tenant: TenantOptions,
    /// How component instances are reused.
    pub reuse: InstanceReuse,
    /// Where the component's log lines go.
    pub log: LogSink,
    /// The key-value store that its instances share. Default: a SQLite file.
    pub store: KeyValueStore,
    /// Whether the embedded host can be controlled.
    pub is_controlled: bool,
    /// The folder for the derived configuration and the key-value store. Default: a temporary folder.
    pub directory: Option<PathBuf>,
    /// How progress is shown.
    pub progress: Progress,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            runner: Runner::default(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            manifest: None,
            variables: BTreeMap::new(),
            component_variables: BTreeMap::new(),
            files: Vec::new(),
            direct_mounts: false,
            tenant: TenantOptions::default(),
            reuse: InstanceReuse::default(),
            log: LogSink::Collect,
            store: KeyValueStore::default(),
            is_controlled: false,
            directory: None,
            progress: Progress::default(),
        }
    }
}

/// A running API. Dropping it ends everything that it started.
pub struct Api {
    /// The tenant that the API is configured for.
    pub tenant: Arc<Tenant>,
    /// The environment variables with which another `spin up` uses this tenant.
    pub spin_environment: BTreeMap<String, String>,
    /// What serves it.
    pub server: Server,
    _directory: RunDirectory,
}

impl Api {
    /// Builds the component unless this process has done so, and starts a tenant and the API configured for it.
    ///
    /// The API's configuration is the project's `runtime-config.toml` with the tenant's addresses instead of
    /// Microsoft's, so the client secret comes from the emulated vault, as it comes from Key Vault in production.
    ///
    /// # Errors
    /// If the real Spin is requested but missing or too old, the component does not build, a port is taken, or the API
    /// does not start.
    pub async fn start(options: ApiOptions) -> Result<Self> {
        let tenant = Tenant::start(options.tenant).await?;
        Self::start_for(tenant, options).await
    }

    /// The same for a running tenant, whose ids can be used in the options' variables, and which can outlive the API.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_for(tenant: impl Into<Arc<Tenant>>, options: ApiOptions) -> Result<Self> {
        let tenant = tenant.into();
        let host = AvailableRunner::find(options.runner, options.progress).await?;
        if options.manifest.is_none() {
            Component::Api.build(options.progress).await?;
        }
        let step = options.progress.step(&format!("Starting the API on {host}"));
        let directory = RunDirectory::prepare(options.directory.clone()).await?;
        let authority = authority_file(&directory, &tenant).await?;
        let manifest = manifest(&directory, &options).await?;
        let runtime_config =
            runtime_config(&directory, &manifest, &tenant, authority.as_deref(), options.store).await?;
        let environment = runtime_config::vault_environment(&tenant, authority.as_deref());
        let mut spin_environment = environment.clone();
        let absolute = fs::canonicalize(&runtime_config).await?.to_string_lossy().into_owned();
        spin_environment.insert("RUNTIME_CONFIG_FILE".to_owned(), absolute);
        let server = host
            .serve(HostOptions {
                runtime_config: Some(runtime_config),
                direct_mounts: options.direct_mounts,
                listen: options.listen,
                environment,
                variables: options.variables,
                log: options.log,
                reuse: options.reuse,
                is_controlled: options.is_controlled,
                ..HostOptions::new(manifest, directory.path().join(host.state_folder()))
            })
            .await?;
        step.done("Started the API");
        Ok(Self { tenant, spin_environment, server, _directory: directory })
    }
}

/// The manifest of the options, else the project's own, or a changed copy if there are `component_variables` or `files`.
async fn manifest(directory: &RunDirectory, options: &ApiOptions) -> Result<PathBuf> {
    if let Some(manifest) = &options.manifest {
        return directory.write("spin.toml", manifest.clone()).await;
    }
    let ApiOptions { component_variables, files, .. } = options;
    if component_variables.is_empty() && files.is_empty() {
        return Ok(workspace::manifest());
    }
    let manifest = read(workspace::manifest()).await?;
    let derived = manifest::derive(&manifest, workspace::root(), COMPONENT, component_variables, files)?;
    directory.write("spin.toml", derived).await
}

/// The certificate of the tenant's own authority if it uses TLS.
async fn authority_file(directory: &RunDirectory, tenant: &Tenant) -> Result<Option<PathBuf>> {
    let Some(certificate) = tenant.authority_pem() else { return Ok(None) };
    let file = directory.write("authority.pem", certificate.to_owned()).await?;
    // Absolute: Spin runs in a folder of its own.
    Ok(Some(fs::canonicalize(file).await?))
}

async fn runtime_config(
    directory: &RunDirectory,
    manifest: &Path,
    tenant: &Tenant,
    authority: Option<&Path>,
    store: KeyValueStore,
) -> Result<PathBuf> {
    let production = read(workspace::runtime_config()).await?;
    let manifest = read(manifest.to_owned()).await?;
    let client_tls = authority.map(|file| runtime_config::client_tls(COMPONENT, file));
    let endpoints = Endpoints { client_tls, store, ..Endpoints::of(tenant) };
    let derived = runtime_config::derive(&production, &manifest, &endpoints)?;
    directory.write("runtime-config.toml", derived).await
}

async fn read(file: PathBuf) -> Result<String> {
    fs::read_to_string(&file).await.with_context(|| format!("cannot read {}", file.display()))
}
