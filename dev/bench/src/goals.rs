//! The goals that the figures are compared with.

use super::{
    bursts,
    figures::Figures,
    measurement::Measurement,
    new_people,
    subject::{Reuse, Store, Subject},
    uploads::{self, Uploads},
};

const USERS: usize = 1_000;
const CONNECTIONS: usize = 16;
const LONG_LIVED: Subject = Subject::ProfileGet(Reuse::LongLived, Store::Sqlite);
const DEFAULT: Subject = Subject::ProfileGet(Reuse::Default, Store::Sqlite);

/// One goal and the measured figure; `None` if it was not measured.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) what: String,
    pub(super) bound: Bound,
    pub(super) measured: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn new(what: impl Into<String>, bound: Bound, measured: Option<f64>) -> Self {
        Self { what: what.into(), bound, measured }
    }

    pub(super) fn is_met(&self) -> Option<bool> {
        self.measured.map(|measured| match self.bound {
            Bound::AtMost(most) => measured <= most,
            Bound::AtLeast(least) => measured >= least,
        })
    }
}

pub(super) fn goals(figures: &Figures) -> Vec<Goal> {
    let mut goals = of_requests(&figures.measurements);
    goals.extend(of_guard(&figures.measurements));
    goals.extend(of_native(&figures.measurements));
    goals.extend(of_parts(figures));
    goals
}

fn of_requests(measurements: &[Measurement]) -> Vec<Goal> {
    let at = |subject, users| find(measurements, subject, users, CONNECTIONS);
    let cpu_over_floor = |subject| at(subject, USERS)?.cpu_over_floor();
    let spread = |subject| at(subject, USERS)?.spread_by_wrk();
    let over_node =
        |subject| Some(at(subject, USERS)?.requests_per_second / at(Subject::NodePeer, USERS)?.requests_per_second);
    let growth = |subject| Some(at(subject, 10_000)?.cpu_over_floor()? / at(subject, 100)?.cpu_over_floor()?);

    let mut goals = vec![
        Goal::new(
            "CPU per request over the pass-through's, 1,000 users, long-lived instances",
            Bound::AtMost(1.42),
            cpu_over_floor(LONG_LIVED),
        ),
        Goal::new("the same with Spin's default reuse", Bound::AtMost(1.8), cpu_over_floor(DEFAULT)),
    ];
    for (subject, name) in [(LONG_LIVED, "long-lived instances"), (DEFAULT, "Spin's default reuse")] {
        goals.push(Goal::new(
            format!("p99 over p50 as wrk reports them, 1,000 users, {CONNECTIONS} connections, {name}"),
            Bound::AtMost(3.0),
            spread(subject),
        ));
        goals.push(Goal::new(
            format!("responses in two pieces with a gap, %, {CONNECTIONS} connections, {name}"),
            Bound::AtMost(0.05),
            in_pieces_percent(measurements, subject),
        ));
        goals.push(Goal::new(
            format!("requests per second over Node's, 1,000 users, {name}"),
            Bound::AtLeast(6.0),
            over_node(subject),
        ));
        goals.push(Goal::new(
            format!("CPU ÷ pass-through at 10,000 users over that at 100, {name}"),
            Bound::AtMost(1.1),
            growth(subject),
        ));
    }
    goals
}

fn of_parts(figures: &Figures) -> Vec<Goal> {
    let first = figures.first_responses;
    let mut goals = vec![
        Goal::new("first response of a fresh process, p50, ms", Bound::AtMost(13.0), first.map(|first| first.p50_ms)),
        Goal::new(
            "fresh processes whose first response stalls",
            Bound::AtMost(0.0),
            first.map(|first| f64::from(first.stalled)),
        ),
    ];
    for (store, name) in [(Store::Sqlite, "SQLite"), (Store::Redis, "two hosts on Redis")] {
        let most = figures.bursts.iter().filter(|row| row.subject.store() == Some(store));
        let most = most.map(|row| row.most_exchanges).max();
        goals.push(Goal::new(
            format!("exchanges for {} simultaneous calls with one new token, at the most, {name}", bursts::CALLS),
            Bound::AtMost(2.0),
            most.map(f64::from),
        ));
    }
    for reuse in [Reuse::LongLived, Reuse::Default] {
        let p99 = |store| {
            let subject = Subject::ProfileGet(reuse, store);
            figures.new_people.iter().find(|row| row.subject == subject).map(|row| row.p99_ms)
        };
        goals.push(Goal::new(
            format!(
                "p99 of new people with SQLite over that without a store, {} connections, {}",
                new_people::CONNECTIONS,
                reuse.word()
            ),
            Bound::AtMost(1.15),
            p99(Store::Sqlite).zip(p99(Store::Off)).map(|(sqlite, off)| sqlite / off),
        ));
    }
    for reuse in [Reuse::LongLived, Reuse::Default] {
        let row = figures.uploads.iter().find(|row| row.reuse == reuse);
        goals.push(Goal::new(
            format!(
                "uploads that reach an app in two pieces with a gap, %, {} connections, gateway, {}",
                uploads::CONNECTIONS,
                reuse.word()
            ),
            Bound::AtMost(0.05),
            row.map(Uploads::in_pieces_percent),
        ));
    }
    goals.push(Goal::new(
        "memory for each remembered person, kB",
        Bound::AtMost(1.3),
        figures.memory.map(|memory| memory.bytes_per_person / 1e3),
    ));
    goals.push(Goal::new(
        "size of the component, kB",
        Bound::AtMost(900.0),
        figures.component_bytes.and_then(|bytes| Some(f64::from(u32::try_from(bytes).ok()?) / 1e3)),
    ));
    goals.push(Goal::new(
        "RS256 (RSA-2048) in Wasm over OpenSSL's native time",
        Bound::AtMost(2.5),
        figures.rs256.as_ref().and_then(|rs256| Some(rs256.profile_get_us / rs256.openssl_us?)),
    ));
    goals
}

/// Of all users together, because there are few such responses.
fn in_pieces_percent(measurements: &[Measurement], subject: Subject) -> Option<f64> {
    let rows = || measurements.iter().filter(|row| row.subject == subject && row.connections == CONNECTIONS);
    let requests: u32 = rows().map(|row| row.requests).sum();
    let in_pieces: u32 = rows().map(|row| row.in_pieces).sum();
    (requests > 0).then(|| 100.0 * f64::from(in_pieces) / f64::from(requests))
}

/// Those of the component `entra`.
fn of_guard(measurements: &[Measurement]) -> Vec<Goal> {
    let at = |subject, users| find(measurements, subject, users, CONNECTIONS);
    let mut goals = vec![
        Goal::new(
            "CPU per request of the gateway over the front's, 1,000 users, long-lived instances",
            Bound::AtMost(1.35),
            at(Subject::Gateway(Reuse::LongLived), USERS).and_then(Measurement::cpu_over_floor),
        ),
        Goal::new(
            "CPU of a token from the sidecar more than a chained call, µs, 1,000 users, long-lived instances",
            Bound::AtMost(150.0),
            at(Subject::Sidecar(Reuse::LongLived), USERS).and_then(Measurement::cpu_us_over_floor),
        ),
    ];
    let subjects = [Reuse::LongLived, Reuse::Default].map(|reuse| [Subject::Gateway(reuse), Subject::Sidecar(reuse)]);
    for subject in subjects.into_iter().flatten() {
        goals.push(Goal::new(
            format!("p99 over p50 as wrk reports them, 1,000 users, {CONNECTIONS} connections, {subject}"),
            Bound::AtMost(3.0),
            at(subject, USERS).and_then(Measurement::spread_by_wrk),
        ));
        goals.push(Goal::new(
            format!("responses in two pieces with a gap, %, {CONNECTIONS} connections, {subject}"),
            Bound::AtMost(0.05),
            in_pieces_percent(measurements, subject),
        ));
        let growth = || Some(at(subject, 10_000)?.peak_memory_mb / at(subject, 100)?.peak_memory_mb);
        goals.push(Goal::new(
            format!("peak memory at 10,000 users over that at 100, {subject}"),
            Bound::AtMost(1.2),
            growth(),
        ));
    }
    goals
}

/// Those of the core without WebAssembly.
fn of_native(measurements: &[Measurement]) -> [Goal; 2] {
    [(USERS, "1,000"), (10_000, "10,000")].map(|(users, number)| {
        let native = find(measurements, Subject::Native, users, CONNECTIONS);
        Goal::new(
            format!("CPU per request of the native server over one by hand, {number} users"),
            Bound::AtMost(1.0),
            native.and_then(Measurement::cpu_over_floor),
        )
    })
}

pub(super) fn find(
    measurements: &[Measurement],
    subject: Subject,
    users: usize,
    connections: usize,
) -> Option<&Measurement> {
    measurements.iter().find(|found| (found.subject, found.users, found.connections) == (subject, users, connections))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_missed_or_not_measured() {
        let goal = |bound, measured| Goal::new("x", bound, measured).is_met();
        assert_eq!(goal(Bound::AtMost(1.2), Some(1.2)), Some(true));
        assert_eq!(goal(Bound::AtMost(1.2), Some(1.3)), Some(false));
        assert_eq!(goal(Bound::AtLeast(6.0), Some(5.9)), Some(false));
        assert_eq!(goal(Bound::AtLeast(6.0), None), None);
    }
}
