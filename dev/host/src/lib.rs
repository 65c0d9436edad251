//! The embedded host: runs this project's Spin components without a `spin` on the machine.
//!
//! It is for development and tests, not for production. Its program takes options of `spin up`. It reads the same
//! `spin.toml` and runtime config, behaves as Spin 4.1 does wherever a component can see the difference, and refuses by
//! name what it does not support.
//!
//! A request passes through these modules: `listener` accepts it, `dispatcher` finds its component with `routes`,
//! `request` adds Spin's headers, and `pool` provides an `instance`. `bindings` (variables, key-value stores) and
//! `outbound` (HTTP) serve the component's calls; `chaining` takes those to other components back to the dispatcher.

mod chaining;
mod clock;
mod files;
mod log;
mod memory;
mod options;

mod control;

mod template;
mod tls;

mod http_client;

mod allowed_hosts;
mod key_value;
mod variables;

mod outbound;

mod instance;

mod bindings;
mod missing;
mod pool;

mod engine;

mod manifest;
mod runtime_config;

mod routes;

mod request;

mod dispatcher;

mod listener;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
pub use options::{CommandLine, InstanceReuse, UpOptions};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::handler::ProxyHandler;

use self::{
    chaining::ServiceChaining,
    clock::WallClock,
    dispatcher::{Dispatcher, Info},
    instance::ComponentContext,
    key_value::Stores,
    log::Log,
    manifest::{ComponentSettings, Manifest},
    memory::MemoryMeter,
    pool::InstancePool,
    routes::Routes,
    runtime_config::RuntimeConfig,
    tls::ClientTls,
    variables::{Provider, Variables},
};

/// A running host. Dropping it ends its connections and instances and frees the port.
#[derive(Debug)]
pub struct RunningHost {
    url: String,
    serving: JoinHandle<()>,
    control: Option<JoinHandle<()>>,
    stopping: CancellationToken,
    stopped: CancellationToken,
}

impl RunningHost {
    /// Reads the manifest and the runtime config, compiles the components and starts to serve. From
    /// `environment` it reads what Spin reads: `SPIN_VARIABLE_*`, `AZURE_*`, `SSL_CERT_FILE`. Lines of the log go to standard
    /// error.
    ///
    /// # Errors
    /// If a file is missing, wrong or asks for something that this host does not support, or the port is taken. The
    /// message names the file, the key and what to do.
    pub async fn start(options: UpOptions, environment: BTreeMap<String, String>) -> Result<Self> {
        let manifest = Manifest::read(&options.manifest)?;
        let environment = Arc::new(environment);
        let mut runtime_config =
            RuntimeConfig::read(options.runtime_config.as_deref(), &environment, &options.state_dir)?;
        runtime_config.providers.insert(0, Provider::Static(options.variables.into_iter().collect()));
        let variables = Variables::new(manifest.variables, runtime_config.providers)?;
        let stores = Stores::new(runtime_config.key_value_stores);
        check_store_labels(&manifest.components, &stores)?;
        let log = Log::new(io::stderr());

        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("cannot listen on {}: choose another port", options.listen))?;
        let url = format!("http://{}", listener.local_addr()?);

        let stopped = CancellationToken::new();
        let chaining = ServiceChaining::default();
        let (clock, memory) = (WallClock::default(), MemoryMeter::default());
        let control = match &options.control {
            Some(socket) => Some(control::obey(control::listen(socket)?, clock.clone(), memory.clone())),
            None => None,
        };
        let application = options.manifest.parent().unwrap_or_else(|| Path::new("")).to_owned();
        let mounting = Mounting { application, direct: options.direct_mounts, assets: options.temp.join("assets") };
        let assembly = Assembly {
            mounting,
            variables: Arc::new(variables),
            stores: Arc::new(stores),
            client_tls: Arc::new(runtime_config.client_tls),
            chaining: chaining.clone(),
            log: log.clone(),
            clock,
            memory,
            reuse: options.reuse,
            compiled: options.compiled,
            stopped: stopped.clone(),
        };
        let components = spawn_blocking(move || assembly.components(manifest.components)).await??;
        let routes = manifest.routes.iter().map(|(pattern, component)| (pattern.as_str(), component.as_str()));
        let dispatcher = Arc::new(Dispatcher {
            info: Info { name: manifest.name, version: manifest.version },
            routes: Routes::new(routes).with_context(|| options.manifest.display().to_string())?,
            components,
            log: log.clone(),
        });
        dispatcher.connect(&chaining);
        let stopping = CancellationToken::new();
        let serving = listener::serve(listener, dispatcher, stopping.clone());
        let serving = tokio::spawn(serving);
        Ok(Self { url, serving, control: control.map(tokio::spawn), stopping, stopped })
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Accepts no more requests, gives those in progress up to five seconds to finish, and ends.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        // A failure of the task changes nothing: it has ended.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for RunningHost {
    fn drop(&mut self) {
        self.stopped.cancel();
        self.serving.abort();
        if let Some(control) = &self.control {
            control.abort();
        }
    }
}

/// How `files` are mounted.
struct Mounting {
    application: PathBuf,
    direct: bool,
    assets: PathBuf,
}

/// Everything that the components of an application share.
struct Assembly {
    mounting: Mounting,
    variables: Arc<Variables>,
    stores: Arc<Stores>,
    client_tls: Arc<ClientTls>,
    chaining: ServiceChaining,
    log: Log,
    clock: WallClock,
    memory: MemoryMeter,
    reuse: InstanceReuse,
    compiled: PathBuf,
    stopped: CancellationToken,
}

impl Assembly {
    /// Compiles the components. Takes seconds the first time, milliseconds from the cache.
    fn components(
        self,
        components: BTreeMap<String, ComponentSettings>,
    ) -> Result<BTreeMap<String, ProxyHandler<InstancePool>>> {
        let engine = engine::engine(&self.compiled)?;
        let outbound_client = outbound::client();
        components
            .into_iter()
            .map(|(id, component)| {
                let Mounting { application, direct, assets } = &self.mounting;
                let files = match direct {
                    true => files::mounted(&component.files, application),
                    false => files::copied(&component.files, application, &assets.join(&id)),
                };
                let files = files.with_context(|| format!("component.{id}: files"))?;
                let pool = InstancePool {
                    component: engine::load(&engine, &self.compiled, &id, &component.source)?,
                    engine: engine.clone(),
                    context: ComponentContext {
                        id: id.as_str().into(),
                        variables: Arc::clone(&self.variables),
                        component_variables: Arc::new(component.variables),
                        allowed_outbound_hosts: component.allowed_outbound_hosts.into(),
                        stores: Arc::clone(&self.stores),
                        allowed_stores: Arc::new(component.key_value_stores),
                        outbound_client: outbound_client.clone(),
                        client_tls: Arc::clone(&self.client_tls),
                        chaining: self.chaining.clone(),
                        log: self.log.clone(),
                        clock: self.clock.clone(),
                        memory: self.memory.clone(),
                        files,
                    },
                    reuse: self.reuse,
                    stopped: self.stopped.clone(),
                };
                Ok((id, ProxyHandler::new(pool)))
            })
            .collect()
    }
}

fn check_store_labels(components: &BTreeMap<String, ComponentSettings>, stores: &Stores) -> Result<()> {
    for (id, component) in components {
        for label in &component.key_value_stores {
            ensure!(
                stores.contains(label),
                "component.{id}.key_value_stores names `{label}`: add [key_value_store.{label}] to the runtime config"
            );
        }
    }
    Ok(())
}
