//! The state of one instance of a component.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use wasmtime::{Result, component::ResourceTable, error::Context};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::{
    chaining::ServiceChaining,
    clock::WallClock,
    files::Preopen,
    key_value::Stores,
    log::{Log, LogSource},
    memory::{InstanceMemory, MemoryMeter},
    outbound::{OutboundClient, OutboundHttp},
    template::Template,
    tls::ClientTls,
    variables::Variables,
};

/// What all instances of one component share.
pub(super) struct ComponentContext {
    pub(super) id: Arc<str>,
    pub(super) variables: Arc<Variables>,
    pub(super) component_variables: Arc<BTreeMap<String, Template>>,
    pub(super) allowed_outbound_hosts: Arc<[Template]>,
    pub(super) stores: Arc<Stores>,
    pub(super) allowed_stores: Arc<BTreeSet<String>>,
    pub(super) outbound_client: OutboundClient,
    pub(super) client_tls: Arc<ClientTls>,
    pub(super) chaining: ServiceChaining,
    pub(super) log: Log,
    pub(super) clock: WallClock,
    pub(super) memory: MemoryMeter,
    pub(super) files: Vec<Preopen>,
}

/// The state of one instance.
pub(super) struct InstanceState {
    pub(super) component: Arc<str>,
    pub(super) variables: Arc<Variables>,
    pub(super) component_variables: Arc<BTreeMap<String, Template>>,
    pub(super) stores: Arc<Stores>,
    pub(super) allowed_stores: Arc<BTreeSet<String>>,
    pub(super) open_stores: usize,
    pub(super) log: Log,
    pub(super) table: ResourceTable,
    pub(super) memory: InstanceMemory,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: OutboundHttp,
}

impl ComponentContext {
    /// # Errors
    /// If a folder of `files` is gone.
    pub(super) fn new_instance(&self) -> Result<InstanceState> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.stdout(self.log.stream(&self.id, LogSource::Stdout)).stderr(self.log.stream(&self.id, LogSource::Stderr));
        wasi.wall_clock(self.clock.clone());
        for Preopen { folder, path } in &self.files {
            // Like Spin without `--allow-transient-write`.
            wasi.preopened_dir(folder, path, FsPerms::ReadOnly)
                .with_context(|| format!("cannot open {}", folder.display()))?;
        }
        Ok(InstanceState {
            component: Arc::clone(&self.id),
            variables: Arc::clone(&self.variables),
            component_variables: Arc::clone(&self.component_variables),
            stores: Arc::clone(&self.stores),
            allowed_stores: Arc::clone(&self.allowed_stores),
            open_stores: 0,
            log: self.log.clone(),
            table: ResourceTable::new(),
            memory: self.memory.new_instance(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: OutboundHttp::new(
                self.outbound_client.clone(),
                Arc::clone(&self.client_tls),
                self.chaining.clone(),
                Arc::clone(&self.allowed_outbound_hosts),
                Arc::clone(&self.variables),
                Arc::clone(&self.id),
                self.log.clone(),
            ),
        })
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for InstanceState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}
