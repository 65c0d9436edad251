//! The stage: a tenant, and the servers that use it one after the other.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use cargo_dev::{component::Component, progress::Progress, workspace};
use emulated_tenant::{Tenant, TenantOptions};
use profile_get_dev::run::{
    AvailableRunner, HostOptions, InstanceReuse, LogSink, Redis, RunDirectory, Runner, Server, manifest, native_server,
    runtime_config::{self, Endpoints, KeyValueStore},
};
use tokio::{fs, process::Command};

use super::{
    native::NativeServers,
    node_peer::NodePeer,
    process::ServingProcess,
    subject::{Job, Reuse, Store, Subject},
    wrk::Wrk,
};

/// The component's name in `spin.toml`.
const COMPONENT: &str = "profile-get";

pub(super) struct Stage {
    pub(super) tenant: Arc<Tenant>,
    host: AvailableRunner,
    node_peer: Option<NodePeer>,
    native: Option<NativeServers>,
    has_redis: bool,
    wrk: Option<Wrk>,
    /// The size of `profile-get`.
    pub(super) component_bytes: u64,
    /// What cannot be measured here, and why.
    pub(super) skipped: Vec<String>,
}

impl Stage {
    /// Builds the components, starts a tenant and finds out what can be measured: `subjects` under load, and `others`
    /// in other ways.
    pub(super) async fn set_up(
        runner: Runner,
        subjects: &[Subject],
        others: &[Subject],
        progress: Progress,
    ) -> Result<Self> {
        let host = AvailableRunner::find(runner, progress).await?;
        let component = Component::Api.build(progress).await?;
        let component_bytes = fs::metadata(component).await.context("the component's file is gone")?.len();
        Component::PassThrough.build(progress).await?;
        let all = || subjects.iter().chain(others);
        let includes = |job| all().any(|subject| subject.job() == job && !subject.is_on_node());
        if includes(Job::Guard) {
            Component::Entra.build(progress).await?;
            Component::Front.build(progress).await?;
        }
        let native = if includes(Job::Native) { Some(NativeServers::build(progress).await?) } else { None };
        let step = progress.step("Starting the emulated tenant");
        let tenant = Arc::new(Tenant::start(TenantOptions::default()).await?);
        tenant.count_requests_only();
        step.done("Started the emulated tenant");

        let mut stage = Self {
            tenant,
            host,
            node_peer: None,
            native,
            has_redis: false,
            wrk: None,
            component_bytes,
            skipped: Vec::new(),
        };
        let on_node: Vec<_> = subjects.iter().filter(|subject| subject.is_on_node()).collect();
        if !on_node.is_empty() {
            match NodePeer::prepare().await {
                Ok(peer) => stage.node_peer = Some(peer),
                Err(error) => stage.skipped.extend(on_node.iter().map(|subject| format!("{subject}: {error:#}"))),
            }
        }
        if all().any(|subject| subject.store() == Some(Store::Redis)) {
            stage.has_redis = Redis::is_installed().await;
            if !stage.has_redis {
                stage.skipped.push("Redis: redis-server is not on PATH".to_owned());
            }
        }
        if subjects.iter().any(|subject| subject.is_measured_by_wrk()) {
            match Wrk::find().await {
                Ok(wrk) => stage.wrk = Some(wrk),
                Err(error) => stage.skipped.push(format!("latencies as wrk reports them: {error:#}")),
            }
        }
        for skipped in &stage.skipped {
            progress.note(&format!("not measured: {skipped}"));
        }
        Ok(stage)
    }

    pub(super) fn can_serve(&self, subject: Subject) -> bool {
        match subject {
            subject if subject.is_on_node() => self.node_peer.is_some(),
            Subject::ProfileGet(_, Store::Redis) => self.has_redis,
            _ => true,
        }
    }

    pub(super) fn wrk(&self) -> Option<Wrk> {
        self.wrk
    }

    /// Starts a new server, which has served no requests.
    pub(super) async fn serve(&self, subject: Subject) -> Result<Served> {
        let store = OwnRedis::start_for(subject).await?;
        self.serve_with(subject, store).await
    }

    /// Starts several new servers, which share a store if it is Redis.
    pub(super) async fn serve_together(&self, subject: Subject, hosts: usize) -> Result<Vec<Served>> {
        let store = OwnRedis::start_for(subject).await?;
        let mut all = Vec::with_capacity(hosts);
        for _ in 0..hosts {
            all.push(self.serve_with(subject, store.clone()).await?);
        }
        Ok(all)
    }

    async fn serve_with(&self, subject: Subject, store: Option<Arc<OwnRedis>>) -> Result<Served> {
        let directory = RunDirectory::prepare(None).await?;
        let server = match subject {
            Subject::NodePeer | Subject::NodeGateway | Subject::NodeSidecar => {
                let peer = self.node_peer.as_ref().context("the peer cannot run here")?;
                let script = if subject == Subject::NodePeer { "server.mjs" } else { "guard.mjs" };
                process(&mut peer.command(script, &self.tenant), &directory).await?
            }
            Subject::ByHand | Subject::Native => {
                let native = self.native.as_ref().context("the native servers are not built")?;
                let program = if subject == Subject::ByHand { &native.by_hand } else { &native.core };
                process(&mut native_server(program, &self.tenant), &directory).await?
            }
            Subject::Front(reuse) | Subject::Gateway(reuse) | Subject::Sidecar(reuse) => {
                self.serve_app(self.guarded_app(&directory, reuse, None)).await?
            }
            Subject::PassThrough(reuse) | Subject::Least(reuse) => {
                let adds = match (subject, reuse) {
                    (Subject::Least(_), Reuse::LongLived) => "verification",
                    (Subject::Least(_), Reuse::Default) => "verification store",
                    _ => "nothing",
                };
                let variables = [("graph_url", self.tenant.graph_url()), ("adds", adds)];
                self.serve_app(HostOptions {
                    variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                    ..options(&directory, workspace::root().join("bench/pass-through/spin.toml"), reuse.of_instances())
                })
                .await?
            }
            Subject::ProfileGet(reuse, kind) => {
                let manifest = self.manifest(&directory, kind).await?;
                let shared = match (&store, kind) {
                    (Some(store), _) => KeyValueStore::Redis(store.redis.url()),
                    (None, Store::Memory) => KeyValueStore::SqliteInMemory,
                    (None, _) => KeyValueStore::SqliteFile,
                };
                self.serve_app(HostOptions {
                    runtime_config: Some(self.runtime_config(&directory, shared).await?),
                    environment: runtime_config::vault_environment(&self.tenant, None),
                    ..options(&directory, manifest, reuse.of_instances())
                })
                .await?
            }
        };
        Ok(Served { server, _store: store, _directory: directory })
    }

    /// Starts a new gateway in front of the app at this URL.
    pub(super) async fn serve_in_front_of(&self, reuse: Reuse, app: &str) -> Result<Served> {
        let directory = RunDirectory::prepare(None).await?;
        let server = self.serve_app(self.guarded_app(&directory, reuse, Some(app))).await?;
        Ok(Served { server, _store: None, _directory: directory })
    }

    /// The application of `bench/front`. All its routes are served at once; a subject chooses one. `app` is the URL of an app
    /// elsewhere that takes the place of its own.
    fn guarded_app(&self, directory: &RunDirectory, reuse: Reuse, app: Option<&str>) -> HostOptions {
        let variables = [
            ("tenant_id", self.tenant.tenant_id()),
            ("client_id", self.tenant.client_id()),
            ("authority_host", self.tenant.authority_url()),
            ("graph_url", self.tenant.graph_url()),
        ];
        let variables = variables.into_iter().chain(app.map(|app| ("app_url", app)));
        HostOptions {
            variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            environment: BTreeMap::from([("SPIN_VARIABLE_CLIENTSECRET".to_owned(), self.tenant.client_secret())]),
            ..options(directory, workspace::root().join("bench/front/spin.toml"), reuse.of_instances())
        }
    }

    async fn serve_app(&self, options: HostOptions) -> Result<ServerProcess> {
        let server = self.host.serve(options).await?;
        let id = server.process_id().context("the host ended at once")?;
        Ok(ServerProcess::Host(Box::new(server), id))
    }

    /// Serves the component that measures RS256.
    pub(super) async fn serve_rs256(&self) -> Result<Served> {
        let directory = RunDirectory::prepare(None).await?;
        let manifest = workspace::root().join("bench/rs256/spin.toml");
        let server = self.serve_app(options(&directory, manifest, InstanceReuse::default())).await?;
        Ok(Served { server, _store: None, _directory: directory })
    }

    async fn manifest(&self, directory: &RunDirectory, store: Store) -> Result<PathBuf> {
        if store != Store::Off {
            return Ok(workspace::manifest());
        }
        let values = BTreeMap::from([("token_store_slots".to_owned(), "0".to_owned())]);
        let manifest = read(workspace::manifest()).await?;
        directory.write("spin.toml", manifest::derive(&manifest, workspace::root(), COMPONENT, &values, &[])?).await
    }

    async fn runtime_config(&self, directory: &RunDirectory, store: KeyValueStore) -> Result<PathBuf> {
        let (production, manifest) = (read(workspace::runtime_config()).await?, read(workspace::manifest()).await?);
        let endpoints = Endpoints { store, ..Endpoints::of(&self.tenant) };
        let derived = runtime_config::derive(&production, &manifest, &endpoints)?;
        directory.write("runtime-config.toml", derived).await
    }
}

fn options(directory: &RunDirectory, manifest: PathBuf, reuse: InstanceReuse) -> HostOptions {
    HostOptions {
        // Written to a file as in production, so that it does not count as memory.
        log: LogSink::File(directory.path().join("component.log")),
        reuse,
        ..HostOptions::new(manifest, directory.path().join("state"))
    }
}

async fn read(file: PathBuf) -> Result<String> {
    fs::read_to_string(&file).await.with_context(|| format!("cannot read {}", file.display()))
}

/// A server on the stage. Dropping it ends it.
pub(super) struct Served {
    server: ServerProcess,
    _store: Option<Arc<OwnRedis>>,
    _directory: RunDirectory,
}

/// A Redis server of the servers on the stage, in a folder of its own.
struct OwnRedis {
    redis: Redis,
    _directory: RunDirectory,
}

impl OwnRedis {
    /// An empty one, if `subject` needs it.
    async fn start_for(subject: Subject) -> Result<Option<Arc<Self>>> {
        if subject.store() != Some(Store::Redis) {
            return Ok(None);
        }
        let directory = RunDirectory::prepare(None).await?;
        let redis = Redis::start(directory.path()).await?;
        Ok(Some(Arc::new(Self { redis, _directory: directory })))
    }
}

enum ServerProcess {
    /// Of a program that is no host.
    Other(Box<ServingProcess>),
    /// Of a host, with its id.
    Host(Box<Server>, u32),
}

impl Served {
    pub(super) fn url(&self) -> &str {
        match &self.server {
            ServerProcess::Other(process) => process.url(),
            ServerProcess::Host(server, _) => server.url(),
        }
    }

    pub(super) fn process_id(&self) -> u32 {
        match &self.server {
            ServerProcess::Other(process) => process.id(),
            ServerProcess::Host(_, id) => *id,
        }
    }

    /// Ends it and waits, so that it cannot disturb the next.
    pub(super) async fn stop(self) {
        if let ServerProcess::Host(server, _) = self.server {
            server.stop().await;
        }
    }
}

/// A program that is no host.
async fn process(command: &mut Command, directory: &RunDirectory) -> Result<ServerProcess> {
    Ok(ServerProcess::Other(Box::new(ServingProcess::start(command, directory.path().join("log")).await?)))
}
