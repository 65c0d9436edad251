//! `cargo dev check`

mod clippy;
mod outcome;
mod step;
mod test_programs;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use tokio::process::Command;

use self::{
    outcome::{Outcome, Outcomes},
    step::Step,
    test_programs::TestPrograms,
};
use crate::{component::Component, programs::output_of, progress::Progress};

/// Run everything that continuous integration runs: format, lints, documentation, dependencies, tests.
///
/// Runs all checks even if one fails, lists the outcomes at the end, and exits with 1 if any failed.
#[derive(Args, Debug)]
pub struct Check {
    /// Also fuzz, run the whole deep check, and build the component twice. Takes some minutes more.
    #[arg(long)]
    deep: bool,
}

/// The checks that compile nothing.
const QUICK: [Step; 3] = [
    Step::new("format", "fmt --all --check"),
    Step::new("dependencies", "deny --workspace check bans licenses sources").needing("cargo-deny", "deny --version"),
    // Also needs the advisory database, which is downloaded from its repository.
    Step::new("dependencies, advisories", "deny --workspace check advisories").needing("cargo-deny", "deny fetch db"),
];

/// Runs while the tests do, most of which wait, and leaves the processor to them. It selects the same packages, so that nothing
/// is compiled again.
const DOCUMENTATION: Step =
    Step::new("documentation and its examples", "test --workspace --features=entra-obo/rustls --doc --no-fail-fast")
        .of_compiled_tests();

/// The lints of the components as WebAssembly. In the release profile, they reuse the components' build.
const WASM_LINTS: Step = Step::new("lints of the Wasm", "clippy {components} --release -- --deny=warnings").for_wasm();

/// Programs without which tests do less: how to run them, what is missing then, and why.
const OPTIONAL: [(&str, &str, &str, &str); 2] = [
    ("redis-server", "--version", "faults of the store", "the store was a SQLite file"),
    ("kubectl", "--help", "manifests", "they were not rendered"),
];

/// Checks that take minutes. Each is also a command of its own.
const DEEP: [Step; 4] = [
    Step::new("fuzzing", "dev fuzz --seconds 10"),
    Step::new("attacks, faults, soak, search for secrets", "dev deep"),
    Step::new("two builds of the component", "dev reproduce"),
    Step::new("bill of materials", "dev sbom --output target/profile-get.cdx.json"),
];

impl Check {
    /// Runs the checks and prints the outcomes.
    ///
    /// # Errors
    /// If cargo cannot be started.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let mut outcomes = Outcomes::default();
        for step in QUICK {
            outcomes.add(step.name, step.run(progress).await?);
        }
        // Cargo locks the build folders of native code and of WebAssembly separately, so both can be built at once.
        let (programs, wasm) = tokio::join!(TestPrograms::compile(progress), wasm(progress));
        outcomes.extend(wasm?);
        match programs {
            Ok((programs, lints)) => {
                outcomes.add("lints", lints);
                let (tests, documentation) =
                    tokio::try_join!(programs.run_together(progress), DOCUMENTATION.run(progress))?;
                outcomes.add(DOCUMENTATION.name, documentation);
                outcomes.extend(tests);
                outcomes.extend(programs.run_alone(progress).await?);
            }
            Err(error) => {
                outcomes.add("lints and tests", Outcome::failed(&format!("{error:#}")));
                outcomes.add(DOCUMENTATION.name, Outcome::Skipped("the tests do not compile".to_owned()));
            }
        }
        for (program, argument, check, without) in OPTIONAL {
            if output_of(Command::new(program).arg(argument)).await.is_err() {
                let reason = format!("{program} is not installed; {without}");
                outcomes.add(check, Outcome::Skipped(reason));
            }
        }
        if self.deep {
            for step in DEEP {
                outcomes.add(step.name, step.run(progress).await?);
            }
        }
        outcomes.summarize();
        Ok(if outcomes.have_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

async fn wasm(progress: Progress) -> Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    // The tests need all of them.
    for component in Component::ALL {
        if let Err(error) = component.build(progress).await {
            outcomes.add("components", Outcome::failed(&format!("{error:#}")));
        }
    }
    outcomes.add(WASM_LINTS.name, WASM_LINTS.run(progress).await?);
    Ok(outcomes)
}
