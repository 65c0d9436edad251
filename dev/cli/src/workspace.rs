//! Paths in this repository, and the cargo and rustc to use on it.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The target that Spin components are compiled for.
pub const TARGET: &str = "wasm32-wasip2";

/// The repository's root folder, which contains `spin.toml`.
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package)
}

/// The application's manifest.
pub fn manifest() -> PathBuf {
    root().join("spin.toml")
}

/// The runtime configuration for production, from which local runs derive theirs.
pub fn runtime_config() -> PathBuf {
    root().join("runtime-config.toml")
}

/// `target/`, even if `CARGO_TARGET_DIR` names another folder: `spin.toml` expects the component here.
pub fn target() -> PathBuf {
    root().join("target")
}

/// Where a running application keeps its derived configuration, its state and its address.
pub fn run_directory() -> PathBuf {
    target().join("dev")
}

/// The embedded host's cache of compiled components.
pub fn compiled() -> PathBuf {
    target().join("compiled")
}

/// The cargo that started this process, or the one on `PATH`.
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The compiler that cargo uses for native code.
pub fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}
