//! Downstream tokens in the shared store: the slots that a caller's token may take, and which of them it takes.
//!
//! The store has no expiry, so there is a fixed number of slots, and it does not grow. Each caller's token may take two
//! of them, chosen by the digest of the caller's own token. It takes one that is free, or whose token has expired; so
//! callers who share a slot seldom displace each other. So that others can see whether a token has expired, its end is
//! stored in clear before the sealed entry. It decides which token is displaced, and nothing else.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{
    caller::{
        bearer_token::BearerToken,
        person::AssertionDigest,
        verified_caller::{CLOCK_SKEW_SECONDS, VerifiedCaller},
    },
    context::Context,
    exchange::{
        downstream::Downstream,
        downstream_token::{DownstreamToken, MAX_LIFE_SECONDS},
    },
    host::{Host, UnixTime},
    policy::Policy,
    store::{
        sealed_entry::{open, seal},
        shared_store::SharedStore,
    },
};

/// Before the sealed entry: when its token ends, in seconds as [`UnixTime`], big-endian.
const END_BYTES: usize = size_of::<u64>();

/// The slots of one API.
#[derive(Debug)]
pub(crate) struct TokenSlots {
    policy: Arc<Policy>,
    store: Arc<SharedStore>,
}

impl TokenSlots {
    pub(crate) const fn new(policy: Arc<Policy>, store: Arc<SharedStore>) -> Self {
        Self { policy, store }
    }

    /// The caller's token, if the store has one that is usable.
    pub(crate) async fn load<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
    ) -> Option<DownstreamToken> {
        let Context { host, deadline, .. } = context;
        for slot in self.slots(caller, downstream) {
            let Some(entry) = self.store.read(host, *deadline, &slot.key).await else { continue };
            let content = slot.open(caller.assertion(), entry);
            let (now, elapsed) = (host.now(), host.elapsed());
            let token = content.and_then(|content| DownstreamToken::from_content(&content, now, elapsed));
            if let Some(token) = token.filter(|token| token.is_usable(elapsed)) {
                return Some(token);
            }
        }
        None
    }

    /// Saves the caller's token, in the background.
    pub(crate) fn save<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        token: &DownstreamToken,
    ) {
        self.put(context, caller, downstream, Some(token));
    }

    /// Removes the caller's token from the store, in the background. One that is being saved at the same time may
    /// remain; then the downstream API refuses it once more, and it is removed again.
    pub(crate) fn clear<H: Host>(&self, context: &Context<H>, caller: &VerifiedCaller, downstream: &Downstream) {
        self.put(context, caller, downstream, None);
    }

    fn put<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        token: Option<&DownstreamToken>,
    ) {
        let slots: Vec<Slot> = self.slots(caller, downstream).collect();
        if slots.is_empty() {
            return;
        }
        let (own, store, assertion) = (context.in_background(), Arc::clone(&self.store), caller.assertion().clone());
        // Once the caller's own token has expired, nobody can open the entry; the downstream token may outlive it by a
        // day.
        let callers_end = caller.expires().plus(CLOCK_SKEW_SECONDS);
        let end = token.map_or(UnixTime(0), |token| token.usable_until(own.now, own.elapsed).min(callers_end));
        // Content that is not a token's is a miss for its readers.
        let (takes_room, content) =
            (token.is_some(), token.map(|token| token.to_content(own.now, own.elapsed)).unwrap_or_default());
        context.host.spawn(async move {
            let Context { host, deadline, now, .. } = &own;
            let mut occupants = Vec::with_capacity(slots.len());
            for slot in &slots {
                let entry = store.read(host, *deadline, &slot.key).await;
                occupants.push(entry.map_or(Occupant::None, |entry| Occupant::of(entry, slot, &assertion, *now)));
            }
            for slot in chosen(&slots, &occupants, takes_room) {
                if let Some(entry) = slot.seal(&assertion, end, host.random(), &content) {
                    store.write(host, &slot.key, &entry).await;
                }
            }
        });
    }

    /// The slots of a caller's token: two, or fewer where there are fewer. The second is made only if it is needed.
    fn slots(&self, caller: &VerifiedCaller, downstream: &Downstream) -> impl Iterator<Item = Slot> {
        let Policy { authority_host, client_id, .. } = &*self.policy;
        let (base_url, scopes) = (downstream.base_url(), downstream.scopes());
        let purpose = format!("{authority_host}\n{base_url}\n{}\n{client_id}\n{scopes}", caller.tenant_id());
        // A caller's tokens for several APIs have slots of their own.
        let place =
            Sha256::new().chain_update(caller.digest()).chain_update(base_url).chain_update("\n").chain_update(scopes);
        let mut numbers = numbers(&place.finalize().into(), self.store.slots());
        numbers.dedup();
        numbers.into_iter().map(move |number| {
            let key = format!("entra-obo.token.{number}");
            let purpose = format!("{key}\n{purpose}");
            Slot { key, purpose }
        })
    }
}

/// The slots that already hold this caller's token; if there are none and it `takes_room`, the best slot for it.
fn chosen<'a>(slots: &'a [Slot], occupants: &[Occupant], takes_room: bool) -> Vec<&'a Slot> {
    let both = || slots.iter().zip(occupants);
    let own: Vec<_> = both().filter(|(_, occupant)| **occupant == Occupant::Own).map(|(slot, _)| slot).collect();
    if own.is_empty() && takes_room {
        return both().min_by_key(|(_, occupant)| **occupant).map(|(slot, _)| slot).into_iter().collect();
    }
    own
}

/// What is in a slot; the smallest is displaced first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Occupant {
    /// Nothing, or a token that has expired.
    None,
    /// Another caller's token, which ends then.
    Other(UnixTime),
    /// This caller's token.
    Own,
}

impl Occupant {
    fn of(entry: Vec<u8>, slot: &Slot, assertion: &BearerToken, now: UnixTime) -> Self {
        let end = entry.first_chunk().map_or(UnixTime(0), |end| UnixTime(u64::from_be_bytes(*end)));
        if slot.open(assertion, entry).is_some() {
            return Self::Own;
        }
        // No token lives longer, so this is not an entry, or somebody tries to keep the slot forever.
        let longest = now.plus(MAX_LIFE_SECONDS);
        if now < end && end <= longest { Self::Other(end) } else { Self::None }
    }
}

/// A place for one token.
struct Slot {
    key: String,
    /// What an entry here is for: one for another directory, application, scope or slot does not open.
    purpose: String,
}

impl Slot {
    fn seal(&self, assertion: &BearerToken, end: UnixTime, random: [u8; 16], content: &[u8]) -> Option<Vec<u8>> {
        let sealed = seal(assertion.as_str().as_bytes(), self.purpose.as_bytes(), random, content)?;
        Some([&end.0.to_be_bytes(), &*sealed].concat())
    }

    fn open(&self, assertion: &BearerToken, mut entry: Vec<u8>) -> Option<Vec<u8>> {
        entry.drain(..END_BYTES.min(entry.len()));
        open(assertion.as_str().as_bytes(), self.purpose.as_bytes(), entry)
    }
}

/// Independent parts of the digest, each modulo the number of slots.
fn numbers(digest: &AssertionDigest, slots: u32) -> Vec<u64> {
    let (parts, _) = digest.as_chunks::<8>();
    parts.iter().take(2).filter_map(|part| u64::from_be_bytes(*part).checked_rem(u64::from(slots))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Occupant, Slot, chosen, numbers};
    use crate::host::UnixTime;

    #[test]
    fn a_token_takes_the_slot_that_costs_least() {
        let slots = ["a", "b"].map(|key| Slot { key: key.to_owned(), purpose: String::new() });
        let (none, own) = (Occupant::None, Occupant::Own);
        let other = |end| Occupant::Other(UnixTime(end));
        for (occupants, saved, cleared) in [
            ([none, none], "a", ""),
            ([other(9), none], "b", ""),
            ([none, other(9)], "a", ""),
            ([other(9), other(8)], "b", ""),
            ([other(8), other(9)], "a", ""),
            ([none, own], "b", "b"),
            ([own, other(9)], "a", "a"),
            ([own, own], "ab", "ab"),
        ] {
            let keys = |takes_room| chosen(&slots, &occupants, takes_room).iter().map(|slot| &*slot.key).collect();
            let (put, emptied): (String, String) = (keys(true), keys(false));
            assert_eq!((&*put, &*emptied), (saved, cleared), "{occupants:?}");
        }
    }

    #[test]
    fn slots_come_from_all_of_their_number() {
        let mut digest = [0; 32];
        digest[7] = 13;
        digest[15] = 22;
        assert_eq!(numbers(&digest, 10), [3, 2]);
        assert_eq!(numbers(&digest, 1), [0, 0]);
        assert!(numbers(&digest, 0).is_empty());
    }
}
