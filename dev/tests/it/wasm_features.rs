//! Which extensions of WebAssembly the components need.

use std::fs;

use cargo_dev::{component::Component, progress::Progress};
use wasmparser::{Validator, WasmFeatures};

/// Without vector instructions: how fast these are depends on what else runs in the host's process; see "Why no SIMD for
/// RSA?" in `docs/design.md`.
#[tokio::test]
async fn no_component_needs_vector_instructions() {
    let available = WasmFeatures::all() - WasmFeatures::SIMD - WasmFeatures::RELAXED_SIMD;
    for component in [Component::Api, Component::SignInApp, Component::Entra] {
        let wasm = fs::read(component.build(Progress::default()).await.unwrap()).unwrap();
        let validated = Validator::new_with_features(available).validate_all(&wasm);
        validated.unwrap_or_else(|error| panic!("{component:?}: {error}"));
    }
}
