//! The signature verification as WebAssembly. The native code is different: it has an array instead of each SIMD
//! register.
//!
//! All tests of `rsa-signature` run again, compiled like the component: Wycheproof's vectors, keys of all sizes with
//! both exponents, numbers with limbs at their bounds. Their oracle is the `rsa` crate.

use std::{path::PathBuf, process::Stdio};

use cargo_dev::{progress::Progress, toolchain::WasmToolchain};
use serde_json::Value;
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    p2::{bindings::sync::Command, pipe::MemoryOutputPipe},
};

/// The minimum number of tests, so that none gets lost.
const LEAST_TESTS: usize = 14;

#[tokio::test(flavor = "multi_thread")]
async fn every_test_passes_as_wasm() {
    let programs = build().await;
    // A host may fuse multiplication and addition, or not.
    let runs = [false, true].map(|is_deterministic| {
        let programs = programs.clone();
        tokio::task::spawn_blocking(move || {
            programs.iter().map(|program| run(program, is_deterministic)).sum::<usize>()
        })
    });
    for run in runs {
        let passed = run.await.unwrap();
        assert!(passed >= LEAST_TESTS, "only {passed} tests ran");
    }
}

/// Builds the tests and returns their programs.
async fn build() -> Vec<PathBuf> {
    let mut cargo = WasmToolchain::provide(Progress::default()).await.unwrap().cargo("test").unwrap();
    cargo.args(["--release", "--package=rsa-signature", "--lib", "--tests", "--no-run", "--quiet"]);
    let output = cargo.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let programs: Vec<_> = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).collect();
    assert_eq!(programs.len(), 2, "{programs:?}");
    programs
}

/// Runs a program, all of whose tests must pass, and returns their number.
fn run(program: &PathBuf, is_deterministic: bool) -> usize {
    let engine = Engine::new(Config::new().relaxed_simd_deterministic(is_deterministic)).unwrap();
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    let printed = MemoryOutputPipe::new(1 << 20);
    let wasi = WasiCtx::builder().arg("tests").stdout(printed.clone()).stderr(printed.clone()).build();
    let mut store = Store::new(&engine, Wasi { wasi, table: ResourceTable::new() });
    let command = Command::instantiate(&mut store, &Component::from_file(&engine, program).unwrap(), &linker).unwrap();
    let outcome = command.wasi_cli_run().call_run(&mut store);
    let printed = String::from_utf8(printed.contents().into()).unwrap();
    assert!(matches!(outcome, Ok(Ok(()))), "{outcome:?}\n{printed}");
    let (_, counts) = printed.split_once("test result: ok. ").unwrap();
    counts.split_once(" passed; 0 failed; 0 ignored").unwrap().0.parse().unwrap()
}

struct Wasi {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
