//! When something that was fetched is used, fetched again, or not attempted: one policy for settings, the credential,
//! signing keys and exchanges.
//!
//! All moments are of [`crate::host::Host::elapsed`], which never goes back: a wall clock that is wrong and then corrected
//! changes nothing here.

use std::time::Duration;

/// The first failure costs no pause, since each attempt has tried twice already. The second costs this long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Each further failure doubles the pause up to this, so that a recovery is noticed within seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The longest time without an attempt, whatever the service asks for: a wrong `Retry-After` could otherwise outlast
/// its outage by hours.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// A failure counts as known for at least this long, so that a probe every five seconds sees it.
const KNOWN: Duration = Duration::from_secs(10);

/// The attempts that failed since the last one that did not.
#[derive(Debug, Clone)]
pub struct BackOff<E> {
    failure: Option<Failure<E>>,
}

#[derive(Debug, Clone)]
struct Failure<E> {
    count: u32,
    error: E,
    at: Duration,
    asked_for: Option<Duration>,
}

/// The last failure, while it is too early for another attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause<E> {
    /// The failure.
    pub error: E,
    /// What is left of the service's `Retry-After`, if it sent one. It can be longer than the pause.
    pub retry_after: Option<Duration>,
}

impl<E> Default for BackOff<E> {
    fn default() -> Self {
        Self { failure: None }
    }
}

impl<E: Clone> BackOff<E> {
    /// Notes a failure, and the service's `Retry-After`.
    pub fn failed(&mut self, error: E, now: Duration, asked_for: Option<Duration>) {
        let count = self.failure.as_ref().map_or(0, |failure| failure.count).saturating_add(1);
        self.failure = Some(Failure { count, error, at: now, asked_for });
    }

    /// Forgets the failures.
    pub fn succeeded(&mut self) {
        self.failure = None;
    }

    /// The last failure, if nothing has succeeded since.
    #[must_use]
    pub fn failure(&self) -> Option<&E> {
        self.failure.as_ref().map(|failure| &failure.error)
    }

    /// The last failure, while it is too early for another attempt. `least` is the shortest pause after any failure.
    #[must_use]
    pub fn pausing(&self, now: Duration, least: Duration) -> Option<Pause<E>> {
        let failure = self.failure.as_ref()?;
        let passed = now.saturating_sub(failure.at);
        (passed < failure.pause().max(least)).then(|| Pause {
            error: failure.error.clone(),
            retry_after: failure.asked_for.map(|asked_for| asked_for.saturating_sub(passed)),
        })
    }
}

impl<E> Failure<E> {
    fn pause(&self) -> Duration {
        let own = match self.count {
            0 | 1 => Duration::ZERO,
            more => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(more.saturating_sub(2))),
        };
        own.min(LONGEST_PAUSE).max(self.asked_for.unwrap_or_default().min(LONGEST_SILENCE))
    }
}

/// A value that is fetched, used for a while, and renewed in the background before it is too old to be used.
#[derive(Debug)]
pub struct Kept<T, E> {
    held: Option<Held<T>>,
    /// The attempts to fetch it that failed.
    pub back_off: BackOff<E>,
}

#[derive(Debug)]
struct Held<T> {
    value: T,
    fresh_until: Duration,
    usable_until: Duration,
}

/// What to do when the value is needed.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision<T, E> {
    /// Use this.
    Use(T),
    /// Use this, and fetch another in the background.
    UseAndRenew(T),
    /// Fetch one first.
    Fetch,
    /// Fail as the last attempt did: it is too early for another.
    Refuse(Pause<E>),
}

impl<T, E> Default for Kept<T, E> {
    fn default() -> Self {
        Self { held: None, back_off: BackOff::default() }
    }
}

impl<T: Clone, E: Clone> Kept<T, E> {
    /// What to do now.
    #[must_use]
    pub fn decide(&self, now: Duration) -> Decision<T, E> {
        let pause = self.back_off.pausing(now, Duration::ZERO);
        match (self.usable(now), pause) {
            (Some(held), None) if now >= held.fresh_until => Decision::UseAndRenew(held.value.clone()),
            (Some(held), _) => Decision::Use(held.value.clone()),
            (None, Some(pause)) => Decision::Refuse(pause),
            (None, None) => Decision::Fetch,
        }
    }

    /// The value, unless it is too old to be used.
    #[must_use]
    pub fn value(&self, now: Duration) -> Option<&T> {
        self.usable(now).map(|held| &held.value)
    }

    /// Why there is no value, if an attempt to fetch one failed a moment ago.
    #[must_use]
    pub fn lack(&self, now: Duration) -> Option<E> {
        let pause = self.back_off.pausing(now, KNOWN).filter(|_| self.usable(now).is_none());
        pause.map(|pause| pause.error)
    }

    /// Keeps a value that was fetched: for how long it is fresh, and for how long it can be used.
    pub fn hold(&mut self, value: T, now: Duration, fresh: Duration, usable: Duration) {
        let held = Held { value, fresh_until: now.saturating_add(fresh), usable_until: now.saturating_add(usable) };
        self.held = Some(held);
        self.back_off.succeeded();
    }

    /// Drops the value.
    pub fn forget(&mut self) {
        self.held = None;
    }

    fn usable(&self, now: Duration) -> Option<&Held<T>> {
        self.held.as_ref().filter(|held| now < held.usable_until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BackOff, Decision, Kept, Pause};

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_pause_grows_with_each_failure_up_to_a_minute() {
        // Failures, what the service asked for, the least pause; then the pause, in seconds.
        let cases = [
            (1, None, 0, 0),
            (2, None, 0, 1),
            (3, None, 0, 2),
            (4, None, 0, 4),
            (5, None, 0, 4),
            (1000, None, 0, 4),
            (1, Some(1), 0, 1),
            (1, Some(30), 0, 30),
            (1, Some(60), 0, 60),
            (1, Some(61), 0, 60),
            (1, Some(3600), 0, 60),
            (4, Some(1), 0, 4),
            (1, None, 5, 5),
            (4, Some(9), 5, 9),
        ];
        for (failures, asked_for, least, pause) in cases {
            let mut back_off = BackOff::default();
            for _ in 0..failures {
                back_off.failed("broken", s(100), asked_for.map(s));
            }
            let what = format!("{failures} failures, {asked_for:?} asked for, at least {least}");
            for passed in 0..pause {
                let retry_after = asked_for.map(|asked_for| s(asked_for - passed.min(asked_for)));
                let pausing = back_off.pausing(s(100 + passed), s(least));
                assert_eq!(pausing, Some(Pause { error: "broken", retry_after }), "{what}, after {passed}");
            }
            assert_eq!(back_off.pausing(s(100 + pause), s(least)), None, "{what}");
            back_off.succeeded();
            assert_eq!((back_off.pausing(s(100), s(least)), back_off.failure()), (None, None), "{what}, then success");
        }
    }

    #[test]
    fn a_value_is_used_renewed_and_given_up() {
        let refuse = |error| Decision::Refuse(Pause { error, retry_after: None });
        let mut kept = Kept::default();
        assert_eq!(kept.decide(s(0)), Decision::Fetch);
        kept.back_off.failed("broken", s(0), None);
        assert_eq!(kept.decide(s(0)), Decision::Fetch);
        kept.back_off.failed("broken", s(0), None);
        assert_eq!(kept.decide(s(0)), refuse("broken"));
        assert_eq!(kept.decide(s(1)), Decision::Fetch);

        kept.hold('a', s(10), s(5), s(20));
        assert_eq!(kept.decide(s(14)), Decision::Use('a'));
        assert_eq!(kept.decide(s(15)), Decision::UseAndRenew('a'));
        kept.back_off.failed("broken", s(15), Some(s(3)));
        assert_eq!(kept.decide(s(17)), Decision::Use('a'));
        assert_eq!(kept.decide(s(18)), Decision::UseAndRenew('a'));
        assert_eq!(kept.decide(s(29)), Decision::UseAndRenew('a'));
        assert_eq!((kept.decide(s(30)), kept.value(s(30))), (Decision::Fetch, None));
        // That the last attempt failed is no longer news.
        assert_eq!(kept.lack(s(30)), None);
        kept.back_off.failed("broken", s(30), None);
        assert_eq!([30, 39, 40].map(|now| kept.lack(s(now))), [Some("broken"), Some("broken"), None]);

        kept.hold('b', s(40), s(5), s(20));
        assert_eq!((kept.decide(s(41)), kept.value(s(41))), (Decision::Use('b'), Some(&'b')));
        kept.forget();
        assert_eq!(kept.decide(s(41)), Decision::Fetch);
    }
}
