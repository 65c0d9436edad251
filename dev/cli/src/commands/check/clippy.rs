//! Clippy in the compiler's place: it is the compiler with more lints.
//!
//! `cargo clippy` would check every dependency once more, and then the workspace. So clippy compiles the tests, which takes it
//! hardly longer than the compiler, and the lints are the warnings of that compilation.

use std::time::Instant;

use tokio::process::Command;

use super::outcome::Outcome;
use crate::programs::output_of;

const DRIVER: &str = "clippy-driver";

/// What `cargo clippy` sets, too. Every lint is a warning here, so that the tests run even if there are some.
const ENVIRONMENT: [(&str, &str); 2] = [("RUSTC_WORKSPACE_WRAPPER", DRIVER), ("CLIPPY_ARGS", "--cap-lints=warn")];

/// The variables with which cargo compiles the workspace by clippy; none if clippy is not installed.
pub(super) async fn environment() -> &'static [(&'static str, &'static str)] {
    if output_of(Command::new(DRIVER).arg("--version")).await.is_ok() { &ENVIRONMENT } else { &[] }
}

/// The outcome of the lints, from the `warnings` of a compilation with this `environment`, which began at `started`.
pub(super) fn outcome(environment: &[(&str, &str)], warnings: &[String], started: Instant) -> Outcome {
    if environment.is_empty() {
        return Outcome::failed("clippy is not installed: rustup component add clippy");
    }
    if warnings.is_empty() {
        return Outcome::Passed(started.elapsed());
    }
    Outcome::failed(&format!("{}\nwarnings: {}", warnings.concat(), warnings.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_fails_the_lints() {
        let reason = |environment: &[_], warnings: &[&str]| {
            let warnings: Vec<_> = warnings.iter().map(ToString::to_string).collect();
            match outcome(environment, &warnings, Instant::now()) {
                Outcome::Failed(reason) => Some(reason),
                Outcome::Passed(_) | Outcome::Skipped(_) => None,
            }
        };
        assert_eq!(reason(&ENVIRONMENT, &[]), None);
        assert_eq!(reason(&ENVIRONMENT, &["warning: unused\n"]).as_deref(), Some("warnings: 1"));
        assert_eq!(reason(&ENVIRONMENT, &["warning: one\n", "warning: two\n"]).as_deref(), Some("warnings: 2"));
        assert!(reason(&[], &[]).is_some_and(|reason| reason.contains("rustup component add clippy")));
    }
}
