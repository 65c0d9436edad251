//! Progress of long steps: a spinner or a bar on a terminal, single lines elsewhere.
//!
//! Everything goes to stderr, so that a command's own output can be piped. Colours follow `NO_COLOR`.

use std::{
    io::{IsTerminal, stderr},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use console::style;
use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(100);
/// The duration of shorter steps is not shown.
const WORTH_TIMING: Duration = Duration::from_secs(1);
/// How often a long step prints a line where there is no terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// Steps can run concurrently; each has a line of its own.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// How a command reports its long steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    verbose: bool,
    is_still: bool,
}

impl Progress {
    /// `verbose` lets the tools that are run (cargo, apt-get) print their own output.
    pub fn new(verbose: bool) -> Self {
        Self { verbose, is_still: false }
    }

    /// The same without animation, for steps beside a program that prints lines of its own.
    #[must_use]
    pub fn still(self) -> Self {
        Self { is_still: true, ..self }
    }

    /// Whether the tools print their own output.
    pub fn is_verbose(self) -> bool {
        self.verbose
    }

    /// Begins a step, named by what it is doing: "Building the component".
    pub fn step(self, doing: &str) -> Step {
        let step = self.step_if_needed(doing);
        step.show();
        step
    }

    /// A step that shows nothing before its first detail, so that a step without work stays invisible.
    pub fn step_if_needed(self, doing: &str) -> Step {
        let is_animated = stderr().is_terminal() && !self.verbose && !self.is_still;
        Step { doing: doing.to_owned(), is_animated, started: Instant::now(), shown: Mutex::default() }
    }

    /// Prints a note between steps.
    pub fn note(self, text: &str) {
        print(&format!("{} {text}", style("note:").for_stderr().cyan().bold()));
    }
}

/// A step in progress. If it is dropped unfinished, it disappears, and the error is shown instead.
#[derive(Debug)]
pub struct Step {
    doing: String,
    is_animated: bool,
    started: Instant,
    shown: Mutex<Option<Shown>>,
}

/// What the screen shows of a step.
#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    /// When the last line was printed.
    Lines(Instant),
}

impl Step {
    /// Shows what the step is doing now.
    pub fn detail(&self, text: &str) {
        self.show();
        match &mut *self.shown() {
            Some(Shown::Bar(bar)) => bar.set_message(text.to_owned()),
            Some(Shown::Lines(last)) if last.elapsed() > SIGN_OF_LIFE => {
                eprintln!("  {text}");
                *last = Instant::now();
            }
            _ => {}
        }
    }

    /// Turns the spinner into a bar that counts towards `total` bytes.
    pub fn expect_bytes(&self, total: u64) {
        if let Some(bar) = self.bar() {
            bar.set_style(byte_bar());
            bar.set_length(total);
        } else {
            eprintln!("  {} to download", DecimalBytes(total));
        }
    }

    /// How many of the expected bytes have arrived.
    pub fn set_bytes(&self, received: u64) {
        if let Some(bar) = self.bar() {
            bar.set_position(received);
        }
    }

    /// Ends a byte bar. The step continues as a spinner.
    pub fn bytes_complete(&self) {
        if let Some(bar) = self.bar() {
            bar.set_style(spinner());
        }
    }

    /// The step succeeded; `outcome` is a sentence such as "Built the component, 283 kB".
    pub fn done(self, outcome: &str) {
        let took = self.started.elapsed();
        if self.shown().is_none() {
            return;
        }
        self.clear();
        let mark = style("✓").for_stderr().green();
        if took < WORTH_TIMING {
            print(&format!("{mark} {outcome}"));
        } else {
            print(&format!("{mark} {outcome} ({} s)", took.as_secs()));
        }
    }

    fn show(&self) {
        self.shown().get_or_insert_with(|| {
            if self.is_animated {
                let bar =
                    BARS.add(ProgressBar::new_spinner()).with_style(spinner()).with_elapsed(self.started.elapsed());
                bar.set_prefix(self.doing.clone());
                bar.enable_steady_tick(TICK);
                Shown::Bar(bar)
            } else {
                eprintln!("{} ...", self.doing);
                Shown::Lines(Instant::now())
            }
        });
    }

    fn bar(&self) -> Option<ProgressBar> {
        match &*self.shown() {
            Some(Shown::Bar(bar)) => Some(bar.clone()),
            _ => None,
        }
    }

    fn clear(&self) {
        if let Some(bar) = self.bar() {
            bar.finish_and_clear();
        }
    }

    fn shown(&self) -> MutexGuard<'_, Option<Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Prints a line above the bars.
fn print(line: &str) {
    BARS.suspend(|| eprintln!("{line}"));
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
