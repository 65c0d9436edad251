//! What an instance knows of a tenant's keys, and when it is time to ask for them again.

use std::{sync::Arc, time::Duration};

use crate::{
    host::UnixTime,
    keys::signing_keys::SigningKeys,
    upstream::back_off::{Decision, Kept},
    upstream::call::UpstreamFault,
};

/// How long keys are used after they were fetched: last known good keys.
const USABLE_SECONDS: u64 = 24 * 3600;

/// At most one lookup in this time for keys that tokens name and Entra has not published, so that tokens with invented key
/// ids cause no more calls than this.
///
/// A lookup counts from its end, and a fetch for another reason is no lookup, so that a key published right after one
/// is found at once. When the last lookup was is kept with the keys in the shared store: the limit holds for all
/// instances of one store together, except for instances that look before the first has stored its result. Without a
/// store, or while it fails, it holds for each instance, and so does the pause after a lookup that failed.
const UNKNOWN_KEY_COOLDOWN_SECONDS: u64 = 60;

/// The shortest pause after a lookup that failed: shorter than the cooldown, since bearers of a new key wait for it.
const MIN_PAUSE_OF_LOOKUPS: Duration = Duration::from_secs(5);

/// How often the shared store may be asked whether another instance has newer keys.
const STORE_INTERVAL: Duration = Duration::from_secs(1);

/// Keys, when they were fetched and until when they are fresh, as their record in the shared store says.
#[derive(Debug, Clone)]
pub(crate) struct KnownKeys {
    pub(crate) keys: Arc<SigningKeys>,
    pub(crate) fetched: UnixTime,
    pub(crate) fresh_until: UnixTime,
}

/// Why keys are fetched, the most urgent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// They are no longer fresh, and are used meanwhile.
    Stale,
    /// A token names one that is not among them.
    UnknownKey,
    /// There are none, or none young enough to be used.
    NoKeys,
}

/// The wall clock and the clock that never goes back, read at the same time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: UnixTime,
    pub(crate) elapsed: Duration,
}

/// What is known of the keys for one form of token. Ages are counted by the clock that never goes back.
#[derive(Debug, Default)]
pub(crate) struct State {
    kept: Kept<Arc<SigningKeys>, UpstreamFault>,
    fetched: Option<UnixTime>,
    lookup: Option<Lookup>,
    store_asked: Option<Duration>,
}

/// The last lookup of a key that Entra has not published.
#[derive(Debug, Clone, Copy)]
struct Lookup {
    made: UnixTime,
    /// When the next may be made, as [`Moment::elapsed`].
    next: Duration,
}

impl State {
    /// Keys that are not too old to be used.
    pub(crate) fn keys(&self, elapsed: Duration) -> Option<Arc<SigningKeys>> {
        self.kept.value(elapsed).cloned()
    }

    /// Why there are no keys, if it was known a moment ago.
    pub(crate) fn lack(&self, elapsed: Duration) -> Option<UpstreamFault> {
        self.kept.lack(elapsed)
    }

    /// Why a token that names `key_id` is a reason to ask Entra, if it is one.
    pub(crate) fn reason_to_refresh(&self, key_id: &str, elapsed: Duration) -> Option<Reason> {
        let Some(keys) = self.kept.value(elapsed) else { return Some(Reason::NoKeys) };
        if keys.contains(key_id) {
            return matches!(self.kept.decide(elapsed), Decision::UseAndRenew(_)).then_some(Reason::Stale);
        }
        self.lookup.is_none_or(|lookup| elapsed >= lookup.next).then_some(Reason::UnknownKey)
    }

    /// The last failure, while it is too early to try again. Its `Retry-After` counts down.
    pub(crate) fn pausing(&self, reason: Reason, elapsed: Duration) -> Option<UpstreamFault> {
        let least = if reason == Reason::UnknownKey { MIN_PAUSE_OF_LOOKUPS } else { Duration::ZERO };
        let pause = self.kept.back_off.pausing(elapsed, least)?;
        Some(pause.error.with_retry_after(pause.retry_after))
    }

    /// Whether the store may be asked now. Notes that it is.
    pub(crate) fn may_ask_store(&mut self, elapsed: Duration) -> bool {
        let may = self.store_asked.is_none_or(|asked| elapsed.saturating_sub(asked) >= STORE_INTERVAL);
        if may {
            self.store_asked = Some(elapsed);
        }
        may
    }

    /// Takes the store's keys if they are newer than the current ones, or as new and include `key_id`, and the time of
    /// the last lookup that the store reports. Times in the future are not believed.
    pub(crate) fn offer(&mut self, offered: KnownKeys, lookup: Option<UnixTime>, key_id: &str, at: Moment) {
        if let Some(made) = lookup.filter(|made| *made <= at.now) {
            self.looked_up(made, at);
        }
        let better = self.kept.value(at.elapsed).is_none_or(|own| {
            self.fetched.is_none_or(|fetched| {
                fetched < offered.fetched
                    || (fetched == offered.fetched && offered.keys.contains(key_id) && !own.contains(key_id))
            })
        });
        if better {
            self.hold(offered, at);
        }
    }

    /// Takes keys that were fetched for a token that names `key_id`. Returns the time of the last lookup: this one, if
    /// it was made for an unknown key or did not find the key.
    pub(crate) fn fetched(&mut self, known: KnownKeys, key_id: &str, reason: Reason, at: Moment) -> Option<UnixTime> {
        if reason == Reason::UnknownKey || !known.keys.contains(key_id) {
            self.looked_up(known.fetched, at);
        }
        self.hold(known, at);
        self.lookup.map(|lookup| lookup.made)
    }

    /// Notes that a fetch failed.
    pub(crate) fn failed(&mut self, fault: &UpstreamFault, elapsed: Duration) {
        self.kept.back_off.failed(fault.clone(), elapsed, fault.retry_after());
    }

    fn looked_up(&mut self, made: UnixTime, at: Moment) {
        let left = UNKNOWN_KEY_COOLDOWN_SECONDS.saturating_sub(at.now.since(made));
        let next = at.elapsed.saturating_add(Duration::from_secs(left));
        if self.lookup.is_none_or(|last| last.next < next) {
            self.lookup = Some(Lookup { made, next });
        }
    }

    fn hold(&mut self, known: KnownKeys, at: Moment) {
        let left = |until: UnixTime| Duration::from_secs(until.since(at.now));
        let usable_until = known.fetched.plus(USABLE_SECONDS);
        self.fetched = Some(known.fetched);
        self.kept.hold(known.keys, at.elapsed, left(known.fresh_until), left(usable_until));
    }
}
