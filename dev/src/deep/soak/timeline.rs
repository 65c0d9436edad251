//! Which faults were active when, and whether they explain a response.

use std::{sync::Mutex, time::Duration};

use tokio::time::Instant;

/// A fault still explains failures after its end, for as long as recovery may take.
const RECOVERY: Duration = Duration::from_secs(5);

/// All faults of a soak so far.
#[derive(Debug, Default)]
pub(super) struct Timeline(Mutex<Vec<Active>>);

#[derive(Debug)]
struct Active {
    name: String,
    codes: Vec<&'static str>,
    from: Instant,
    until: Option<Instant>,
}

impl Timeline {
    /// Begins a fault that may cause these `codes`.
    pub(super) fn begin(&self, name: String, codes: Vec<&'static str>, from: Instant) {
        self.faults().push(Active { name, codes, from, until: None });
    }

    /// Ends the active faults.
    pub(super) fn end(&self, at: Instant) {
        for active in self.faults().iter_mut().filter(|active| active.until.is_none()) {
            active.until = Some(at);
        }
    }

    /// Whether a fault explains that a request that was sent at `begun` got `code` now.
    pub(super) fn explains(&self, code: &str, begun: Instant) -> bool {
        self.faults().iter().any(|active| {
            let still = active.until.is_none_or(|until| until + RECOVERY >= begun);
            still && active.codes.contains(&code)
        })
    }

    /// The latest faults, to report with an unexplained response.
    pub(super) fn latest(&self, begun: Instant) -> String {
        let faults = self.faults();
        let latest = faults.iter().rev().take(2).map(|active| {
            let since = begun.saturating_duration_since(active.from).as_secs_f64();
            let end = active.until.map_or_else(
                || "not over".to_owned(),
                |until| format!("over for {:.1} s", begun.saturating_duration_since(until).as_secs_f64()),
            );
            format!("{} {since:.1} s before, {end}", active.name)
        });
        latest.collect::<Vec<_>>().join("; ")
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Vec<Active>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_explains_its_own_codes_while_it_lasts_and_for_the_time_of_recovery() {
        let timeline = Timeline::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!timeline.explains("graph_timeout", start));
        timeline.begin("Graph, silence".to_owned(), vec!["graph_timeout"], start);
        assert!(timeline.explains("graph_timeout", after(60)));
        timeline.end(after(2));
        assert!(timeline.explains("graph_timeout", after(1)));
        assert!(timeline.explains("graph_timeout", after(6)));
        assert!(!timeline.explains("entra_timeout", after(1)));
        assert!(!timeline.explains("graph_timeout", after(8)));
    }
}
