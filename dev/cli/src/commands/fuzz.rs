//! `cargo dev fuzz`

use std::{
    env,
    path::PathBuf,
    process::{ExitCode, Stdio},
    thread,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{fs, process::Command};

use crate::{
    programs::{last_lines, output_of},
    progress::Progress,
    workspace,
};

/// Makes LLVM record for libFuzzer which code runs and which values are compared. A stable compiler supports all of it.
const INSTRUMENTATION: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

/// The longest input. Larger limits have tests of their own.
const MAX_LENGTH: usize = 8192;

/// An input that takes longer is a fault: a request should cost milliseconds.
const INPUT_SECONDS: u64 = 10;

const MEMORY_LIMIT_MB: u64 = 1024;

/// The place and the message of a panic; two unequal values take two more lines.
const LINES_OF_A_PANIC: usize = 4;

/// Let libFuzzer search for inputs that break the properties of all code that callers and upstreams can reach.
///
/// Starts from the inputs in fuzz/corpus, keeps new ones in target/fuzz, and fails if it finds a fault.
/// Needs a C++ compiler, but no nightly Rust and no cargo-fuzz.
#[derive(Args, Debug)]
pub struct Fuzz {
    /// What to fuzz, by the names of the folders in fuzz/corpus. Default: everything.
    targets: Vec<String>,
    /// How long each target is fuzzed.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How many targets are fuzzed at the same time. Default: the number of processors.
    #[arg(long)]
    jobs: Option<usize>,
}

/// The outcome of fuzzing one target.
struct Outcome {
    target: String,
    executions: u64,
    covered: u64,
    /// The end of libFuzzer's output if it found a fault.
    fault: Option<String>,
}

impl Fuzz {
    /// Builds the targets, fuzzes them and prints a table.
    ///
    /// # Errors
    /// If a name is unknown, there is no C++ compiler, or the targets do not build.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let targets = self.chosen().await?;
        let program = build(progress).await?;
        let jobs = self.jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)).max(1);
        let step = progress.step(&format!("Fuzzing {} targets for {} s each", targets.len(), self.seconds));
        let fuzzing = targets.into_iter().map(|target| fuzz(&program, target, self.seconds));
        let mut outcomes: Vec<Outcome> = stream::iter(fuzzing).buffer_unordered(jobs).try_collect().await?;
        outcomes.sort_by(|one, other| one.target.cmp(&other.target));
        step.done("Fuzzed");
        print(&outcomes, self.seconds);
        let found = outcomes.iter().any(|outcome| outcome.fault.is_some());
        Ok(if found { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    async fn chosen(&self) -> Result<Vec<String>> {
        let mut known = Vec::new();
        let mut folders = fs::read_dir(corpora()).await.context("fuzz/corpus cannot be read")?;
        while let Some(folder) = folders.next_entry().await? {
            known.push(folder.file_name().to_string_lossy().into_owned());
        }
        known.sort();
        for target in &self.targets {
            if !known.contains(target) {
                bail!("there is no target {target}; there are: {}", known.join(", "));
            }
        }
        Ok(if self.targets.is_empty() { known } else { self.targets.clone() })
    }
}

fn corpora() -> PathBuf {
    workspace::root().join("fuzz/corpus")
}

fn fuzz_directory() -> PathBuf {
    workspace::target().join("fuzz")
}

async fn build(progress: Progress) -> Result<PathBuf> {
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    if output_of(Command::new(&compiler).arg("--version")).await.is_err() {
        bail!(
            "libFuzzer is C++, and the compiler `{}` does not run: install g++ or clang, or set CXX",
            compiler.display()
        );
    }
    let step = progress.step("Building the fuzz targets");
    let version = output_of(Command::new(workspace::rustc()).arg("-vV")).await?;
    // With --target, cargo instruments neither build scripts nor macros.
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let folder = fuzz_directory();
    let mut cargo = Command::new(workspace::cargo());
    cargo
        .args(["build", "--package=profile-get-fuzz", "--bin=fuzz", "--features=libfuzzer", "--profile=fuzz"])
        .args(["--target", host, "--target-dir"])
        .arg(&folder)
        .current_dir(workspace::root())
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\x1f"));
    output_of(&mut cargo).await.context("the fuzz targets do not build")?;
    step.done("Built the fuzz targets");
    Ok(folder.join(host).join("fuzz").join("fuzz"))
}

async fn fuzz(program: &PathBuf, target: String, seconds: u64) -> Result<Outcome> {
    let learnt = fuzz_directory().join("learnt").join(&target);
    let found = fuzz_directory().join("found");
    fs::create_dir_all(&learnt).await?;
    fs::create_dir_all(&found).await?;
    let mut command = Command::new(program);
    command
        .args([format!("-max_total_time={seconds}"), format!("-max_len={MAX_LENGTH}")])
        .args([format!("-timeout={INPUT_SECONDS}"), format!("-rss_limit_mb={MEMORY_LIMIT_MB}")])
        .args(["-print_final_stats=1".to_owned(), format!("-artifact_prefix={}/{target}-", found.display())])
        // libFuzzer adds new inputs to the first folder.
        .args([learnt, corpora().join(&target)])
        .env("FUZZ_TARGET", &target)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("{} could not be started", program.display()))?;
    let printed = String::from_utf8_lossy(&output.stderr);
    Ok(Outcome {
        executions: last_number(&printed, "stat::number_of_executed_units:").unwrap_or_default(),
        covered: last_number(&printed, " cov:").unwrap_or_default(),
        fault: (!output.status.success()).then(|| the_fault(&printed)),
        target,
    })
}

/// The panic message of a target and the file of its input. The rest of libFuzzer's output does not help.
fn the_fault(printed: &str) -> String {
    let lines: Vec<&str> = printed.lines().collect();
    let panicked = lines.iter().position(|line| line.contains("panicked at "));
    let words = panicked.map(|at| lines.iter().skip(at).take(LINES_OF_A_PANIC)).into_iter().flatten();
    let written = lines.iter().filter(|line| line.contains("Test unit written to "));
    let fault: Vec<&str> = words.chain(written).copied().collect();
    if fault.is_empty() { last_lines(printed) } else { fault.join("\n") }
}

/// The number that follows the last `label`.
fn last_number(printed: &str, label: &str) -> Option<u64> {
    printed.rsplit_once(label)?.1.split_whitespace().next()?.parse().ok()
}

fn print(outcomes: &[Outcome], seconds: u64) {
    let widest = outcomes.iter().map(|outcome| outcome.target.len()).max().unwrap_or_default();
    println!("| {:widest$} | inputs tried in {seconds:>5} s | places reached | faults |", "target");
    println!("|{:-<1$}|--------------------------|----------------|--------|", "", widest + 2);
    for Outcome { target, executions, covered, fault } in outcomes {
        let faults = u8::from(fault.is_some());
        println!("| {target:widest$} | {executions:>24} | {covered:>14} | {faults:>6} |");
    }
    for Outcome { target, fault, .. } in outcomes {
        if let Some(fault) = fault {
            println!("\n{target}:\n{fault}");
            println!("Copy the input that is named there to fuzz/corpus/{target}, and correct the fault.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{last_number, the_fault};

    #[test]
    fn a_fault_is_the_panic_message_and_the_input() {
        let printed = "INFO: Seed: 1\nthread '<unnamed>' panicked at fuzz/src/caller.rs:20:5:\nassertion failed\n  left: 1\n \
                       right: 2\nSUMMARY: libFuzzer: deadly signal\nartifact_prefix='x'; Test unit written to x/crash-1\n";
        let fault = the_fault(printed);
        assert!(fault.starts_with("thread") && fault.contains("assertion failed") && fault.ends_with("x/crash-1"));
        assert!(!fault.contains("Seed"), "{fault}");
        assert_eq!(the_fault("no C++ library\n"), "no C++ library");
    }

    #[test]
    fn libfuzzers_figures_are_read() {
        let printed = "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 31Mb\n\
                       #9\tDONE   cov: 57 ft: 60 corp: 4/9b lim: 4 exec/s: 4 rss: 31Mb\n\
                       stat::number_of_executed_units: 1234\nstat::average_exec_per_sec:     617\n";
        assert_eq!(last_number(printed, " cov:"), Some(57));
        assert_eq!(last_number(printed, "stat::number_of_executed_units:"), Some(1234));
        assert_eq!(last_number("", " cov:"), None);
    }
}
