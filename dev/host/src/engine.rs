//! Compiles components, once for each version of their file, and caches them on disk.

use std::{fs::File, path::Path};

use wasmtime::{
    Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result,
    component::{Component, Linker},
    error::Context,
};
use wasmtime_wasi_http::{handler::ProxyPre, p2, p3::bindings::ServicePre};

use super::{bindings, instance::InstanceState, missing};

/// The compiler and runtime, configured as in Spin, with compiled code cached in `folder`.
pub(super) fn engine(folder: &Path) -> Result<Engine> {
    let mut cache = CacheConfig::new();
    cache.with_directory(std::path::absolute(folder)?);
    let mut config = Config::new();
    config.wasm_component_model_async(true).epoch_interruption(true).cache(Some(Cache::new(cache)?));

    let mut pooled = config.clone();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    // If there is not enough address space for the pool, each instance is allocated separately.
    Engine::new(&pooled).or_else(|_| Engine::new(&config)).context("wasmtime cannot run on this machine")
}

/// The size of Spin's pool: a thousand instances.
fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(1_000)
        .total_core_instances(4_000)
        .total_memories(1_000)
        .total_tables(2_000)
        .total_stacks(1_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .table_elements(100_000)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(1 << 19);
    pool
}

/// Loads the component at `source` and links it to this host. `folder` is that of the [`engine`]'s cache.
pub(super) fn load(engine: &Engine, folder: &Path, id: &str, source: &Path) -> Result<ProxyPre<InstanceState>> {
    let bytes = std::fs::read(source).with_context(|| {
        format!("component {id}: cannot read {}: build it first (cargo dev build)", source.display())
    })?;
    let component = compile(engine, folder, &bytes)
        .with_context(|| format!("component {id}: {} is no Wasm component", source.display()))?;
    let mut linker = linker(engine)?;
    missing::trap_when_called(&mut linker, engine, &component)?;
    let instance = linker
        .instantiate_pre(&component)
        .with_context(|| format!("component {id} imports what the embedded host does not offer; run with --spin"))?;
    match ServicePre::new(instance.clone()) {
        Ok(service) => Ok(ProxyPre::P3(service)),
        Err(_) => Ok(ProxyPre::P2(p2::bindings::ProxyPre::new(instance).with_context(|| {
            format!("component {id} exports neither wasi:http/handler@0.3.0 nor wasi:http/incoming-handler@0.2")
        })?)),
    }
}

/// Compiles one component at a time, so that hosts that start together share the cached result. `folder` is that of the cache.
fn compile(engine: &Engine, folder: &Path, bytes: &[u8]) -> Result<Component> {
    std::fs::create_dir_all(folder)?;
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    Component::new(engine, bytes)
}

fn linker(engine: &Engine) -> Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::add_to_linker(&mut linker)?;
    Ok(linker)
}
