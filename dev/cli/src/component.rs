//! Builds the Wasm components and puts them where their `spin.toml` expects them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use indicatif::DecimalBytes;
use tokio::{fs, sync::OnceCell};

use crate::{
    cargo_build,
    progress::Progress,
    toolchain::WasmToolchain,
    workspace::{self, TARGET},
};

/// A component of this project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// `GET /api/profile-get`.
    Api,
    /// The app that signs a person in and calls the API.
    SignInApp,
    /// What guards an app of any language.
    Entra,
    /// The guarded app of `examples/rust`.
    RustExample,
    /// The guarded app of tests.
    Probe,
    /// The baseline of `cargo dev bench`: it only forwards to Graph.
    PassThrough,
    /// A front that only forwards, and an app behind it: what `cargo dev bench` compares `entra` with.
    Front,
    /// Measures RS256 in Wasm for `cargo dev bench`.
    Rs256,
}

impl Component {
    /// All components.
    pub(crate) const ALL: [Self; 8] = [
        Self::Api,
        Self::SignInApp,
        Self::Entra,
        Self::RustExample,
        Self::Probe,
        Self::PassThrough,
        Self::Front,
        Self::Rs256,
    ];

    /// The built component's file, which is the `source` in its manifest. A process builds it once.
    ///
    /// # Errors
    /// If there is no compiler (see [`WasmToolchain::provide`]) or the component does not compile. The error then
    /// contains the compiler's output.
    pub async fn build(self, progress: Progress) -> Result<PathBuf> {
        static API: OnceCell<PathBuf> = OnceCell::const_new();
        static SIGN_IN_APP: OnceCell<PathBuf> = OnceCell::const_new();
        static ENTRA: OnceCell<PathBuf> = OnceCell::const_new();
        static RUST_EXAMPLE: OnceCell<PathBuf> = OnceCell::const_new();
        static PROBE: OnceCell<PathBuf> = OnceCell::const_new();
        static PASS_THROUGH: OnceCell<PathBuf> = OnceCell::const_new();
        static FRONT: OnceCell<PathBuf> = OnceCell::const_new();
        static RS256: OnceCell<PathBuf> = OnceCell::const_new();
        let built = match self {
            Self::Api => &API,
            Self::SignInApp => &SIGN_IN_APP,
            Self::Entra => &ENTRA,
            Self::RustExample => &RUST_EXAMPLE,
            Self::Probe => &PROBE,
            Self::PassThrough => &PASS_THROUGH,
            Self::Front => &FRONT,
            Self::Rs256 => &RS256,
        };
        built.get_or_try_init(|| build(self, progress)).await.cloned()
    }

    /// The arguments of `cargo rustc`. `cargo build` would build both crate types of the library at once and then skip
    /// link-time optimisation.
    pub(crate) fn build_arguments(self) -> [&'static str; 5] {
        ["--release", "--package", self.package(), "--lib", "--crate-type=cdylib"]
    }

    fn name(self) -> &'static str {
        match self {
            Self::Api => "component",
            Self::SignInApp => "sign-in app",
            Self::Entra => "component entra",
            Self::RustExample => "example in Rust",
            Self::Probe => "guarded app of tests",
            Self::PassThrough => "pass-through",
            Self::Front => "front that only forwards",
            Self::Rs256 => "RS256 measurement",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Api => "profile-get",
            Self::SignInApp => "profile-app",
            Self::Entra => "entra",
            Self::RustExample => "guarded-rust",
            Self::Probe => "probe",
            Self::PassThrough => "bench-pass-through",
            Self::Front => "bench-front",
            Self::Rs256 => "bench-rs256",
        }
    }

    fn file(self) -> String {
        format!("{}.wasm", self.package().replace('-', "_"))
    }
}

async fn build(component: Component, progress: Progress) -> Result<PathBuf> {
    let toolchain = WasmToolchain::provide(progress).await?;
    let step = progress.step_if_needed(&format!("Building the {}", component.name()));
    let mut cargo = toolchain.cargo("rustc")?;
    cargo.args(component.build_arguments());
    let what = format!("the {}", component.name());
    let name = component.file();
    let artifact = cargo_build::build(&what, &[&name], &mut cargo, progress, &step).await?;
    let file = put_in_place(&name, artifact.into_iter().collect()).await?;
    let size = fs::metadata(&file).await?.len();
    step.done(&format!("Built the {}, {}", component.name(), DecimalBytes(size)));
    Ok(file)
}

/// With `CARGO_TARGET_DIR`, cargo builds elsewhere, but `spin.toml` expects the component in `target/`.
async fn put_in_place(file_name: &str, artifact: PathBuf) -> Result<PathBuf> {
    let place = workspace::target().join(TARGET).join("release").join(file_name);
    if artifact != place {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).await?;
        }
        fs::copy(&artifact, &place).await.with_context(|| format!("{} to {}", artifact.display(), place.display()))?;
    }
    Ok(place)
}
