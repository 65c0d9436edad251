//! The goals that the figures are compared with.

use super::{
    measurement::Measurement,
    rs256::Rs256,
    subject::{Reuse, Store, Subject},
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

pub(super) fn goals(measurements: &[Measurement], rs256: Option<&Rs256>) -> Vec<Goal> {
    let at = |subject, users| find(measurements, subject, users, CONNECTIONS);
    let cpu_over_floor = |subject| at(subject, USERS)?.cpu_over_floor();
    let spread = |subject| at(subject, USERS).map(|found| found.p99_ms / found.p50_ms);
    let over_node =
        |subject| Some(at(subject, USERS)?.requests_per_second / at(Subject::NodePeer, USERS)?.requests_per_second);
    let growth = |subject| Some(at(subject, 10_000)?.cpu_over_floor()? / at(subject, 100)?.cpu_over_floor()?);

    let mut goals = vec![
        Goal::new(
            "CPU per request over the pass-through's, 1,000 users, long-lived instances",
            Bound::AtMost(1.2),
            cpu_over_floor(LONG_LIVED),
        ),
        Goal::new("the same with Spin's default reuse", Bound::AtMost(1.5), cpu_over_floor(DEFAULT)),
    ];
    for (subject, name) in [(LONG_LIVED, "long-lived instances"), (DEFAULT, "Spin's default reuse")] {
        goals.push(Goal::new(
            format!("p99 over p50, {CONNECTIONS} connections, {name}"),
            Bound::AtMost(3.0),
            spread(subject),
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
    goals.push(Goal::new(
        "RS256 (RSA-2048) in Wasm over OpenSSL's native time",
        Bound::AtMost(2.5),
        rs256.and_then(|rs256| Some(rs256.profile_get_us / rs256.openssl_us?)),
    ));
    goals
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
