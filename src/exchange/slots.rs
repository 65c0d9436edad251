//! Graph tokens in the shared store: the slots in which a caller's token may stand, and which of them it takes.
//!
//! The store has no expiry, so there is a fixed number of slots, and it does not grow. Each caller's token has two of them
//! to stand in, chosen by the digest of the caller's own token. It takes one that is free, or whose token is over; so two
//! callers of one slot seldom displace each other. For others to see whether a token is over, its end stands before the
//! sealed entry in clear; it decides who makes room for whom, and nothing else.

use crate::{
    caller::bearer_token::BearerToken,
    caller::verified_caller::{AssertionDigest, CLOCK_SKEW_SECONDS, VerifiedCaller},
    exchange::token::{GraphToken, MAX_LIFE_SECONDS},
    host::{Host, UnixTime},
    instance::Context,
    store::sealed_entry::{open, seal},
};

/// Before the sealed entry: until when its token counts, in seconds as [`UnixTime`], big-endian.
const END_BYTES: usize = size_of::<u64>();

/// The caller's token, if the store has one that is usable.
pub async fn load<H: Host>(context: &Context<H>, caller: &VerifiedCaller) -> Option<GraphToken> {
    let Context { instance, host, deadline, .. } = context;
    for slot in Slot::of(context, caller) {
        let Some(entry) = instance.store.read(host, *deadline, &slot.key).await else { continue };
        let content = slot.open(caller.assertion(), entry);
        let (now, elapsed) = (host.now(), host.elapsed());
        let token = content.and_then(|content| GraphToken::from_content(&content, now, elapsed));
        if let Some(token) = token.filter(|token| token.is_usable(elapsed)) {
            return Some(token);
        }
    }
    None
}

/// Keeps the caller's token, beside the request.
pub fn save<H: Host>(context: &Context<H>, caller: &VerifiedCaller, token: &GraphToken) {
    put(context, caller, Some(token));
}

/// Takes the caller's token out of the store, beside the request. One that is being put there meanwhile may stay; then
/// Graph refuses it once more, and so it is taken out again.
pub fn clear<H: Host>(context: &Context<H>, caller: &VerifiedCaller) {
    put(context, caller, None);
}

fn put<H: Host>(context: &Context<H>, caller: &VerifiedCaller, token: Option<&GraphToken>) {
    let slots: Vec<Slot> = Slot::of(context, caller).collect();
    if slots.is_empty() {
        return;
    }
    let (own, assertion) = (context.with_new_deadline(), caller.assertion().clone());
    // Nobody can open the entry any more when the caller's own token has expired, which a Graph token may outlive by a day.
    let callers_end = caller.expires().plus(CLOCK_SKEW_SECONDS);
    let end = token.map_or(UnixTime(0), |token| token.usable_until(own.now, own.elapsed).min(callers_end));
    // What is no token's content is a miss to those who read it.
    let (takes_room, content) =
        (token.is_some(), token.map(|token| token.to_content(own.now, own.elapsed)).unwrap_or_default());
    context.host.spawn(async move {
        let Context { instance, host, deadline, now, .. } = &own;
        let mut occupants = Vec::with_capacity(slots.len());
        for slot in &slots {
            let entry = instance.store.read(host, *deadline, &slot.key).await;
            occupants.push(entry.map_or(Occupant::None, |entry| Occupant::of(entry, slot, &assertion, *now)));
        }
        for slot in chosen(&slots, &occupants, takes_room) {
            if let Some(entry) = slot.seal(&assertion, end, host.random(), &content) {
                instance.store.write(host, &slot.key, &entry).await;
            }
        }
    });
}

/// Those slots in which this caller's token stands already; else, if it is to be put somewhere, the best for it.
fn chosen<'a>(slots: &'a [Slot], occupants: &[Occupant], takes_room: bool) -> Vec<&'a Slot> {
    let both = || slots.iter().zip(occupants);
    let own: Vec<_> = both().filter(|(_, occupant)| **occupant == Occupant::Own).map(|(slot, _)| slot).collect();
    if own.is_empty() && takes_room {
        return both().min_by_key(|(_, occupant)| **occupant).map(|(slot, _)| slot).into_iter().collect();
    }
    own
}

/// Who stands in a slot, in the order in which they make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Occupant {
    /// Nobody, or nobody whose token counts any more.
    None,
    /// Another caller, whose token ends then.
    Other(UnixTime),
    /// This caller.
    Own,
}

impl Occupant {
    fn of(entry: Vec<u8>, slot: &Slot, assertion: &BearerToken, now: UnixTime) -> Self {
        let end = entry.first_chunk().map_or(UnixTime(0), |end| UnixTime(u64::from_be_bytes(*end)));
        if slot.open(assertion, entry).is_some() {
            return Self::Own;
        }
        // No token lives longer, so this is no entry, or somebody wants to keep the slot for good.
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
    /// The slots of a caller's token: two, or fewer where there are fewer. The second is made only if it is needed.
    fn of<H>(context: &Context<H>, caller: &VerifiedCaller) -> impl Iterator<Item = Self> {
        let settings = &context.settings;
        let mut numbers = numbers(caller.digest(), settings.token_store_slots);
        numbers.dedup();
        numbers.into_iter().map(move |number| {
            let key = format!("profile-get.token.{number}");
            let purpose = format!(
                "{key}\n{}\n{}\n{}\n{}\n{}",
                settings.authority_host,
                settings.graph_url,
                caller.tenant_id(),
                settings.client_id,
                settings.graph_scopes
            );
            Self { key, purpose }
        })
    }

    fn seal(&self, assertion: &BearerToken, end: UnixTime, random: [u8; 16], content: &[u8]) -> Option<Vec<u8>> {
        let sealed = seal(assertion.as_str().as_bytes(), self.purpose.as_bytes(), random, content)?;
        Some([&end.0.to_be_bytes(), &*sealed].concat())
    }

    fn open(&self, assertion: &BearerToken, mut entry: Vec<u8>) -> Option<Vec<u8>> {
        entry.drain(..END_BYTES.min(entry.len()));
        open(assertion.as_str().as_bytes(), self.purpose.as_bytes(), entry)
    }
}

/// Parts of the digest that have nothing to do with each other, each modulo the number of slots.
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
