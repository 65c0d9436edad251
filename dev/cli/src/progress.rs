//! What long steps show: a spinner or a bar on a terminal, single lines elsewhere.
//!
//! Everything goes to stderr, so that a command's own output can be piped. Colours follow `NO_COLOR`.

use std::{
    io::{IsTerminal, stderr},
    time::{Duration, Instant},
};

use console::style;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(100);
/// Anything quicker is not worth a figure.
const WORTH_TIMING: Duration = Duration::from_secs(1);

/// How a command reports its long steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    verbose: bool,
}

impl Progress {
    /// `verbose` lets the tools that are run (cargo, apt-get) print their own output.
    pub fn new(verbose: bool) -> Self {
        Self { verbose }
    }

    /// Whether the tools' own output is wanted.
    pub fn is_verbose(self) -> bool {
        self.verbose
    }

    /// Begins a step, named by what it is doing: "Building the component".
    pub fn step(self, doing: &str) -> Step {
        let animated = stderr().is_terminal() && !self.verbose;
        let bar = animated.then(|| {
            let bar = ProgressBar::new_spinner().with_style(spinner());
            bar.set_prefix(doing.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        });
        if bar.is_none() {
            eprintln!("{doing} ...");
        }
        Step { bar, started: Instant::now() }
    }

    /// A line that says something the reader should know, between steps.
    pub fn note(self, text: &str) {
        eprintln!("{} {text}", style("note:").for_stderr().cyan().bold());
    }
}

/// A step under way. Dropped unfinished, it vanishes: the error that ended it speaks instead.
#[derive(Debug)]
pub struct Step {
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Step {
    /// What the step is at just now; shown on a terminal only.
    pub fn detail(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }

    /// Turns the spinner into a bar that counts towards `total` bytes.
    pub fn expect_bytes(&self, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_style(byte_bar());
            bar.set_length(total);
        } else {
            eprintln!("  {} to download", DecimalBytes(total));
        }
    }

    /// How many of the expected bytes are there.
    pub fn set_bytes(&self, received: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(received);
        }
    }

    /// Ends a byte bar: the step goes on as a spinner.
    pub fn bytes_complete(&self) {
        if let Some(bar) = &self.bar {
            bar.set_style(spinner());
        }
    }

    /// The step succeeded; `outcome` is a sentence such as "Built the component, 283 kB".
    pub fn done(self, outcome: &str) {
        let took = self.started.elapsed();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mark = style("✓").for_stderr().green();
        if took < WORTH_TIMING {
            eprintln!("{mark} {outcome}");
        } else {
            eprintln!("{mark} {outcome} ({} s)", took.as_secs());
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn spinner() -> ProgressStyle {
    style_of("{spinner:.cyan} {prefix} {msg:.dim} {elapsed:.dim}")
}

fn byte_bar() -> ProgressStyle {
    style_of("{spinner:.cyan} {prefix} {bar:30.cyan/dim} {bytes}/{total_bytes} {elapsed:.dim}")
}

fn style_of(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
