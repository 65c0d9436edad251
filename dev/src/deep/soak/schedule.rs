//! The schedule of events, which depends only on the seed.

use std::time::Duration;

use cargo_dev::commands::deep::Subject;

use super::random::Random;
use crate::deep::matrix::{FaultKind, Upstream};

/// An event in a soak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An upstream breaks for a while.
    Fault(Upstream, FaultKind, Duration),
    /// The store's server is stopped and started again without its entries.
    StoreRestarted(Duration),
    SigningKeyRotated,
    ClientSecretRotated,
    /// The subject's clock is this many seconds ahead for a while.
    ClockMoved(i64, Duration),
    /// Graph refuses the current tokens of some people.
    GraphTokensRevoked,
}

impl Event {
    /// Its name in the figures.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Fault(Upstream::Store, ..) => "store faults",
            Self::Fault(..) => "upstream faults",
            Self::StoreRestarted(_) => "store restarts",
            Self::SigningKeyRotated => "key rotations",
            Self::ClientSecretRotated => "secret rotations",
            Self::ClockMoved(..) => "clock moves",
            Self::GraphTokensRevoked => "revocations",
        }
    }
}

/// The time without events, in which recovery is checked.
const QUIET: (u64, u64) = (500, 4000);
const LASTING: (u64, u64) = (800, 3000);
/// Only tokens of the last two keys are valid, so Entra does not rotate more often than tokens live.
const BETWEEN_KEYS: Duration = Duration::from_secs(90);
/// When a secret is refused, the component reads the vault again at most every half minute.
const BETWEEN_SECRETS: Duration = Duration::from_secs(45);
/// From a slow clock to a wrong day.
const CLOCK: [i64; 8] = [30, -30, 240, -240, 3600, -3600, 86_400, -86_400];

/// The first events, so that even a short soak has one of each kind.
const FIRST: [fn(&mut Random, Subject) -> Event; 6] = [
    |random, subject| fault(random, Upstream::of(subject)),
    |_, _| Event::SigningKeyRotated,
    |random, _| Event::StoreRestarted(lasting(random)),
    |_, _| Event::ClientSecretRotated,
    |random, _| Event::ClockMoved(86_400, lasting(random)),
    |_, _| Event::GraphTokensRevoked,
];

/// The events of a soak of `subject` for `length`, each with the quiet time before it.
pub(super) fn events(subject: Subject, seed: u64, length: Duration) -> Vec<(Duration, Event)> {
    let mut random = Random::from_seed(seed);
    let mut events = Vec::new();
    let (mut now, mut key, mut secret) = (Duration::ZERO, None, None);
    loop {
        let quiet = Duration::from_millis(random.between(QUIET.0, QUIET.1));
        now += quiet;
        let due = |last: Option<Duration>, pause| last.is_none_or(|last| now.saturating_sub(last) >= pause);
        let event = match FIRST.get(events.len()) {
            Some(first) => first(&mut random, subject),
            None => match random.between(0, 19) {
                0 if due(key, BETWEEN_KEYS) => Event::SigningKeyRotated,
                1 if due(secret, BETWEEN_SECRETS) => Event::ClientSecretRotated,
                2 | 3 => Event::StoreRestarted(lasting(&mut random)),
                4 | 5 => Event::ClockMoved(random.choose(&CLOCK).unwrap_or_default(), lasting(&mut random)),
                6 => Event::GraphTokensRevoked,
                7 | 8 => fault(&mut random, &[Upstream::Store]),
                _ => fault(&mut random, Upstream::of(subject)),
            },
        };
        match event {
            Event::SigningKeyRotated => key = Some(now),
            Event::ClientSecretRotated => secret = Some(now),
            Event::Fault(_, _, lasting) | Event::StoreRestarted(lasting) | Event::ClockMoved(_, lasting) => {
                now += lasting
            }
            Event::GraphTokensRevoked => {}
        }
        if now > length {
            return events;
        }
        events.push((quiet, event));
    }
}

fn fault(random: &mut Random, upstreams: &[Upstream]) -> Event {
    let upstream = random.choose(upstreams).unwrap_or(Upstream::Token);
    let kind = random.choose(&upstream.faults().collect::<Vec<_>>()).unwrap_or(FaultKind::Error);
    Event::Fault(upstream, kind, lasting(random))
}

fn lasting(random: &mut Random) -> Duration {
    Duration::from_millis(random.between(LASTING.0, LASTING.1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn one_seed_gives_one_schedule_and_another_another() {
        let minute = Duration::from_secs(60);
        let events = |seed| events(Subject::Api, seed, minute);
        assert_eq!(events(7), events(7));
        assert_ne!(events(7), events(8));
    }

    #[test]
    fn a_minute_has_every_kind_of_event() {
        for seed in 0..20 {
            let words: BTreeSet<_> =
                events(Subject::Gateway, seed, Duration::from_secs(60)).iter().map(|(_, event)| event.word()).collect();
            assert!(words.len() >= 6, "{seed}: {words:?}");
        }
    }
}
