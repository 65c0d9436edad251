//! The target that `FUZZ_TARGET` names, driven by libFuzzer. `cargo dev fuzz` builds and runs it.

#![no_main]
#![allow(
    unsafe_code,
    clippy::panic,
    reason = "libFuzzer's entry point is made by its macro; a wrong name must be seen"
)]

use std::{env, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use profile_get_fuzz::{TARGETS, Target};

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = env::var("FUZZ_TARGET").unwrap_or_default();
    match TARGETS.iter().find(|(own, _)| *own == name) {
        Some((_, target)) => *target,
        None => panic!("FUZZ_TARGET must name one of {:?}", TARGETS.iter().map(|(own, _)| own).collect::<Vec<_>>()),
    }
});

fuzz_target!(|data: &[u8]| (*TARGET)(data));
