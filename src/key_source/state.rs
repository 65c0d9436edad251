//! What an instance knows of a tenant's keys, and when it is time to ask for them again.

use std::{rc::Rc, time::Duration};

use crate::{
    host::UnixTime,
    signing_keys::SigningKeys,
    upstream::{FaultKind, UpstreamFault},
};

/// The longest that keys are used after Entra was last heard of: last known good keys.
const MAX_AGE_SECONDS: u64 = 24 * 3600;

/// At most one look in this time for keys that tokens name and Entra has not published, so that tokens with invented key
/// ids cause no more calls than this.
///
/// A look counts from its end, and a fetch for another reason is no look, so that a key published right after one is
/// found at once. When the last look was stands beside the keys in the shared store: the limit holds for all instances
/// of one store together, but for those that look before the first has written down what it found. Without a store, or
/// while it fails, it holds for each instance, and so does the pause after a look that failed, which no instance tells
/// the others of.
const UNKNOWN_KEY_COOLDOWN_SECONDS: u64 = 60;

/// The shortest pause after a look that failed: shorter than the cooldown, since bearers of a new key wait for it.
const MIN_PAUSE_OF_LOOKS: Duration = Duration::from_secs(5);

/// The longest pause after failed fetches for which Entra names none. The first failure costs none, then each doubles it
/// from a second on.
const MAX_PAUSE_SECONDS: u64 = 30;

/// How often the shared store may be asked whether another instance has newer keys.
const STORE_INTERVAL: Duration = Duration::from_secs(1);

/// Keys and when they were heard of.
#[derive(Debug, Clone)]
pub(super) struct KnownKeys {
    pub(super) keys: Rc<SigningKeys>,
    pub(super) fetched: UnixTime,
    pub(super) fresh_until: UnixTime,
}

/// Why keys are asked for again, the most urgent last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Their time is over; they serve meanwhile.
    Stale,
    /// A token names one that is not among them.
    UnknownKey,
    /// There are none, or none young enough to be used.
    NoKeys,
}

#[derive(Debug, Default)]
pub(super) struct State {
    known: Option<KnownKeys>,
    looked: Option<UnixTime>,
    outage: Option<Outage>,
    store_asked: Option<Duration>,
}

/// Fetches that failed, one after the other.
#[derive(Debug)]
struct Outage {
    failures: u32,
    last: UpstreamFault,
    last_at: Duration,
}

impl State {
    /// Keys that are not too old to be used.
    pub(super) fn keys(&self, now: UnixTime) -> Option<Rc<SigningKeys>> {
        self.usable(now).map(|known| Rc::clone(&known.keys))
    }

    fn usable(&self, now: UnixTime) -> Option<&KnownKeys> {
        self.known.as_ref().filter(|known| now.since(known.fetched) < MAX_AGE_SECONDS)
    }

    /// Why a token that names `key_id` makes it worth to ask Entra, if it does.
    pub(super) fn reason_to_refresh(&self, key_id: &str, now: UnixTime) -> Option<Reason> {
        let Some(known) = self.usable(now) else { return Some(Reason::NoKeys) };
        if known.keys.contains(key_id) {
            return (now >= known.fresh_until).then_some(Reason::Stale);
        }
        let looked = self.looked.is_some_and(|looked| now.since(looked) < UNKNOWN_KEY_COOLDOWN_SECONDS);
        (!looked).then_some(Reason::UnknownKey)
    }

    /// The last failure, while it is too early to try again; a time to come back at that it names counts down.
    pub(super) fn pausing(&self, reason: Reason, elapsed: Duration) -> Option<UpstreamFault> {
        let outage = self.outage.as_ref()?;
        let until = outage.last_at.saturating_add(outage.pause(reason));
        let left = until.checked_sub(elapsed).filter(|left| !left.is_zero())?;
        let mut fault = outage.last.clone();
        if let FaultKind::Unavailable(_, Some(wait)) = &mut fault.kind {
            *wait = left;
        }
        Some(fault)
    }

    /// Whether the store may be asked now, which is then noted.
    pub(super) fn may_ask_store(&mut self, elapsed: Duration) -> bool {
        let may = self.store_asked.is_none_or(|asked| elapsed.saturating_sub(asked) >= STORE_INTERVAL);
        if may {
            self.store_asked = Some(elapsed);
        }
        may
    }

    /// Takes keys of the store that are younger than those at hand, or as young and hold `key_id`, and the time of the
    /// last look that it tells.
    pub(super) fn offer(&mut self, offered: KnownKeys, looked: Option<UnixTime>, key_id: &str) {
        self.looked = self.looked.max(looked);
        let better = self.known.as_ref().is_none_or(|known| {
            known.fetched < offered.fetched
                || (known.fetched == offered.fetched && offered.keys.contains(key_id) && !known.keys.contains(key_id))
        });
        if better {
            self.known = Some(offered);
        }
    }

    /// Takes keys that were fetched for a token that names `key_id`; gives the time of the last look, which this was if
    /// it was made for an unknown key or has not found the key.
    pub(super) fn fetched(&mut self, known: KnownKeys, key_id: &str, reason: Reason) -> Option<UnixTime> {
        if reason == Reason::UnknownKey || !known.keys.contains(key_id) {
            self.looked = Some(known.fetched);
        }
        self.known = Some(known);
        self.outage = None;
        self.looked
    }

    /// Notes that a fetch failed.
    pub(super) fn failed(&mut self, fault: &UpstreamFault, elapsed: Duration) {
        let failures = self.outage.as_ref().map_or(0, |outage| outage.failures).saturating_add(1);
        self.outage = Some(Outage { failures, last: fault.clone(), last_at: elapsed });
    }
}

impl Outage {
    /// How long Entra is left alone: as long as it asks for, and longer the longer it fails.
    fn pause(&self, reason: Reason) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(8);
        let back_off = 2_u64.saturating_pow(doublings).saturating_sub(1).min(MAX_PAUSE_SECONDS);
        let asked_for = match self.last.kind {
            FaultKind::Unavailable(_, Some(wait)) => wait,
            _ => Duration::ZERO,
        };
        let least = if reason == Reason::UnknownKey { MIN_PAUSE_OF_LOOKS } else { Duration::ZERO };
        Duration::from_secs(back_off).max(asked_for).max(least)
    }
}
