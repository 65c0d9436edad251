//! Downstream tokens in the shared store: the slots that an owner's token may take, and which of them it takes.
//!
//! The store has no expiry, so there is a fixed number of slots, and it does not grow. Each owner's token may take two
//! of them, chosen by the digest of the caller's own token. It takes one that is free, or whose token has expired, so
//! owners who share a slot seldom displace each other. So that others can see whether a token has expired, its end is
//! stored in clear before the sealed entry. It decides which token is displaced, and nothing else.
//!
//! Instances that need the same token at the same moment agree on who exchanges: before its exchange an instance writes
//! a lease into the slot and reads it back. An instance that finds another's lease waits for its outcome: the token, or
//! Entra's refusal, which stays in the slot for as long as another exchange would be refused in the same way. The store's
//! interface has no operation that would make this exact without blocking the instance, so two instances may exchange.
//! The purpose is that a burst does not look like a loop to Entra (AADSTS50196); nothing depends on it.
//!
//! A person's token is sealed under that person's own token, and the application's under the client credential, so only
//! those who could request it can open it.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};

use crate::{
    caller::{
        person::AssertionDigest,
        verified_caller::{CLOCK_SKEW_SECONDS, MAX_LIFE_SECONDS, VerifiedCaller},
    },
    context::Context,
    credential::{client_credential::ClientCredential, source::CredentialSource},
    exchange::{downstream::Downstream, issued_token::IssuedToken, owner::Owner, refusal::ExchangeRefusal},
    host::{Host, UnixTime},
    policy::Policy,
    store::{
        sealed_entry::{open, seal},
        shared_store::SharedStore,
    },
};

/// Before the sealed entry: when its token ends, in seconds as [`UnixTime`], big-endian.
const END_BYTES: usize = size_of::<u64>();

/// For how long a lease is respected: longer than most exchanges take, and short enough for those who wait for an
/// instance that has disappeared.
const LEASE: Duration = Duration::from_secs(2);

/// How long an instance waits before it reads its lease back, so that those of others that found the slot free at the same
/// moment have been written by then: somewhat longer than it took itself from reading to writing, within these limits. An
/// exchange takes several times as long.
const SETTLING: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_millis(50);

/// How often an instance that waits for a lease checks, at first and at the longest.
const FIRST_CHECK: Duration = Duration::from_millis(10);
const LAST_CHECK: Duration = Duration::from_millis(80);

/// The slots of one API. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct TokenSlots {
    policy: Arc<Policy>,
    store: Arc<SharedStore>,
    credential: Arc<CredentialSource>,
}

impl TokenSlots {
    pub(crate) const fn new(policy: Arc<Policy>, store: Arc<SharedStore>, credential: Arc<CredentialSource>) -> Self {
        Self { policy, store, credential }
    }

    /// What the store has for the owner, or will have soon: a usable token, or a refusal that still applies. Otherwise the
    /// lease of a slot, if there is a slot and `may_exchange` says that the lease will be used.
    pub(crate) async fn find_or_lease<H: Host>(
        &self,
        context: &Context<H>,
        owner: &Owner,
        downstream: &Downstream,
        may_exchange: bool,
    ) -> Found {
        let host = &context.host;
        let slots: Vec<Slot> = self.slots(context, owner, downstream).await;
        let mut occupants = Vec::with_capacity(slots.len());
        let (mut leased, mut looked, mut refused) = (None, None, None);
        for (index, slot) in slots.iter().enumerate() {
            match self.look(context, slot).await {
                Content::Token(token) => return Found::Token(token),
                // Instances that chose different slots can end in a refusal here and a token there.
                Content::Refusal(refusal) => {
                    refused = Some(refusal);
                    occupants.push(Occupant::Own);
                }
                Content::Lease(number) => {
                    leased = leased.or(Some((index, number)));
                    occupants.push(Occupant::Own);
                }
                Content::Occupant(occupant) => occupants.push(occupant),
            }
            // The first look opens the store, which may take longer than all that follows.
            looked.get_or_insert_with(|| host.elapsed());
        }
        if let Some(refusal) = refused {
            return Found::Refusal(refusal);
        }
        if !may_exchange {
            return Found::Lease(None);
        }
        let mut number = leased.map(|(_, number)| number);
        let chosen = leased.map(|(index, _)| index).or_else(|| best(&occupants));
        let slot = chosen.and_then(|index| slots.into_iter().nth(index));
        let Some((slot, mut began)) = slot.zip(looked) else {
            return Found::Lease(None);
        };
        loop {
            if let Some(others) = number {
                match self.wait(context, &slot, others).await {
                    Waited::Outcome(found) => return found,
                    Waited::OutOfTime => return Found::Lease(None),
                    Waited::Ended => began = host.elapsed(),
                    // One of those who waited was faster.
                    Waited::Lease(next) => {
                        number = Some(next);
                        continue;
                    }
                }
            }
            let own = host.random();
            let end = context.now.plus(LEASE.as_secs().saturating_add(1));
            if let Some(entry) = slot.seal(end, host.random(), &[&[LEASE_TAG], &own[..]].concat()) {
                self.store.write(host, &slot.key, &entry).await;
                let took = host.elapsed().saturating_sub(began);
                let somewhat_longer = took.saturating_add(*SETTLING.start());
                host.sleep(somewhat_longer.min(*SETTLING.end())).await;
            }
            match self.look(context, &slot).await {
                Content::Token(token) => return Found::Token(token),
                Content::Refusal(refusal) => return Found::Refusal(refusal),
                Content::Lease(others) if others != own => number = Some(others),
                // Its own, or the store does not keep it.
                Content::Lease(_) | Content::Occupant(_) => return Found::Lease(Some(Lease { slot, number: own })),
            }
        }
    }

    /// Waits for the outcome of the exchange that the holder of another lease makes.
    async fn wait<H: Host>(&self, context: &Context<H>, slot: &Slot, number: LeaseNumber) -> Waited {
        let Context { host, deadline, .. } = context;
        let (began, mut pause) = (host.elapsed(), FIRST_CHECK);
        loop {
            if deadline.remaining(host).is_zero() {
                return Waited::OutOfTime;
            }
            host.sleep(pause).await;
            pause = LAST_CHECK.min(pause.saturating_mul(2));
            match self.look(context, slot).await {
                Content::Token(token) => return Waited::Outcome(Found::Token(token)),
                Content::Refusal(refusal) => return Waited::Outcome(Found::Refusal(refusal)),
                Content::Lease(still) if still == number => {
                    if host.elapsed().saturating_sub(began) >= LEASE {
                        return Waited::Ended;
                    }
                }
                Content::Lease(next) => return Waited::Lease(next),
                Content::Occupant(_) => return Waited::Ended,
            }
        }
    }

    async fn look<H: Host>(&self, context: &Context<H>, slot: &Slot) -> Content {
        let Context { host, deadline, .. } = context;
        let Some(entry) = self.store.read(host, *deadline, &slot.key).await else {
            return Content::Occupant(Occupant::None);
        };
        let occupant = Occupant::by_end(&entry, host.now());
        let Some(content) = slot.open(entry) else { return Content::Occupant(occupant) };
        match content.split_first() {
            Some((&TOKEN_TAG, record)) => {
                let (now, elapsed) = (host.now(), host.elapsed());
                IssuedToken::from_record(record, now, elapsed)
                    .filter(|token| token.is_usable(elapsed))
                    .map_or(Content::Occupant(Occupant::Own), Content::Token)
            }
            Some((&LEASE_TAG, number)) => number.try_into().map_or(Content::Occupant(Occupant::Own), Content::Lease),
            Some((&REFUSAL_TAG, record)) => ExchangeRefusal::from_record(record, host.now())
                .map_or(Content::Occupant(Occupant::Own), Content::Refusal),
            _ => Content::Occupant(Occupant::Own),
        }
    }

    /// Ends a lease with the token that was obtained under it or with Entra's refusal, or without either, in the
    /// background. Without a token it leaves alone what an instance that took the lease over has written.
    pub(crate) fn settle<H: Host>(
        &self,
        context: &Context<H>,
        owner: &Owner,
        lease: Lease,
        outcome: Result<&IssuedToken, Option<&ExchangeRefusal>>,
    ) {
        let own = context.in_background();
        let (end, content) = match outcome {
            Ok(token) => of_token(owner, token, own.now, own.elapsed),
            Err(refusal) => refusal.and_then(|refusal| of_refusal(refusal, own.now)).unwrap_or(EMPTY),
        };
        let (has_token, all) = (outcome.is_ok(), self.clone());
        context.host.spawn(async move {
            let is_own = |content: Content| matches!(content, Content::Lease(number) if number == lease.number);
            if (has_token || is_own(all.look(&own, &lease.slot).await))
                && let Some(entry) = lease.slot.seal(end, own.host.random(), &content)
            {
                all.store.write(&own.host, &lease.slot.key, &entry).await;
            }
        });
    }

    /// Saves the owner's token, in the background.
    pub(crate) fn save<H: Host>(
        &self,
        context: &Context<H>,
        owner: &Owner,
        downstream: &Downstream,
        token: &IssuedToken,
    ) {
        self.put(context, owner, downstream, Some(token));
    }

    /// Removes the owner's token from the store, in the background. One that is being saved at the same time may
    /// remain; then the downstream API refuses it once more, and it is removed again.
    pub(crate) fn clear<H: Host>(&self, context: &Context<H>, owner: &Owner, downstream: &Downstream) {
        self.put(context, owner, downstream, None);
    }

    fn put<H: Host>(&self, context: &Context<H>, owner: &Owner, downstream: &Downstream, token: Option<&IssuedToken>) {
        if !self.store.is_used() {
            return;
        }
        let (own, all, owner, downstream) = (context.in_background(), self.clone(), owner.clone(), downstream.clone());
        let takes_room = token.is_some();
        let (end, content) = token.map_or(EMPTY, |token| of_token(&owner, token, own.now, own.elapsed));
        context.host.spawn(async move {
            let Context { host, deadline, now, .. } = &own;
            let slots = all.slots(&own, &owner, &downstream).await;
            let mut occupants = Vec::with_capacity(slots.len());
            for slot in &slots {
                let entry = all.store.read(host, *deadline, &slot.key).await;
                occupants.push(entry.map_or(Occupant::None, |entry| Occupant::of(entry, slot, *now)));
            }
            for slot in chosen(&slots, &occupants, takes_room) {
                if let Some(entry) = slot.seal(end, host.random(), &content) {
                    all.store.write(host, &slot.key, &entry).await;
                }
            }
        });
    }

    /// The slots of an owner's token: two, or fewer where there are fewer, or where the credential cannot be read.
    async fn slots<H: Host>(&self, context: &Context<H>, owner: &Owner, downstream: &Downstream) -> Vec<Slot> {
        if !self.store.is_used() {
            return Vec::new();
        }
        let Policy { authority_host, client_id, .. } = &*self.policy;
        let (tenant_id, base_url, scopes) = (owner.tenant_id(), downstream.base_url(), downstream.scopes());
        let purpose = format!("{authority_host}\n{base_url}\n{tenant_id}\n{client_id}\n{scopes}");
        // An owner's tokens for several APIs have slots of their own.
        let (secret, place, purpose) = match owner {
            Owner::Person(caller) => {
                (Secret::Assertion(Arc::clone(caller)), Sha256::new().chain_update(caller.digest()), purpose)
            }
            Owner::Application(_) => {
                let Ok(credential) = self.credential.current(&context.host, context.deadline).await else {
                    return Vec::new();
                };
                let purpose = format!("application\n{purpose}");
                (Secret::Credential(credential), Sha256::new().chain_update(&purpose), purpose)
            }
        };
        let place = place.chain_update(base_url).chain_update("\n").chain_update(scopes);
        let mut numbers = numbers(&place.finalize().into(), self.store.slots());
        numbers.dedup();
        let slot = |number| {
            let key = format!("entra-obo.token.{number}");
            let purpose = format!("{key}\n{purpose}");
            Slot { key, purpose, secret: secret.clone() }
        };
        numbers.into_iter().map(slot).collect()
    }
}

/// What an instance found, or may do now.
pub(crate) enum Found {
    /// The token.
    Token(IssuedToken),
    /// Another instance's exchange was refused, and this one's would be, too.
    Refusal(ExchangeRefusal),
    /// Exchange, and settle the lease if there is one.
    Lease(Option<Lease>),
}

/// How a wait for another's lease ended.
enum Waited {
    /// With what its holder heard from Entra.
    Outcome(Found),
    /// Its holder has given up, or has disappeared.
    Ended,
    /// Another instance holds one now.
    Lease(LeaseNumber),
    /// The request ran out of time.
    OutOfTime,
}

/// The right to exchange for the token of one slot.
pub(crate) struct Lease {
    slot: Slot,
    number: LeaseNumber,
}

/// What distinguishes a lease from others.
type LeaseNumber = [u8; 16];

/// What is in a slot, for one owner.
enum Content {
    Token(IssuedToken),
    Refusal(ExchangeRefusal),
    Lease(LeaseNumber),
    Occupant(Occupant),
}

/// The first byte of an opened entry. It changes with the form of what follows it.
const TOKEN_TAG: u8 = b'U';
const LEASE_TAG: u8 = b'L';
const REFUSAL_TAG: u8 = b'R';

/// The end and the content of an entry that is a miss for its readers.
const EMPTY: (UnixTime, Vec<u8>) = (UnixTime(0), Vec::new());

/// The end and the content of an entry with a token.
fn of_token(owner: &Owner, token: &IssuedToken, now: UnixTime, elapsed: Duration) -> (UnixTime, Vec<u8>) {
    // Once the caller's own token has expired, nobody can open the entry. The downstream token may outlive it by a day.
    let usable_until = token.usable_until(now, elapsed);
    let end = owner.expires().map_or(usable_until, |expires| usable_until.min(expires.plus(CLOCK_SKEW_SECONDS)));
    (end, [&[TOKEN_TAG], &*token.to_record(now, elapsed)].concat())
}

/// The end and the content of an entry with a refusal, if it applies for some time.
fn of_refusal(refusal: &ExchangeRefusal, now: UnixTime) -> Option<(UnixTime, Vec<u8>)> {
    let (end, record) = refusal.to_record(now)?;
    Some((end, [&[REFUSAL_TAG], &*record].concat()))
}

/// The slot that costs least: the owner's own, a free one, or the one whose token ends first.
fn best(occupants: &[Occupant]) -> Option<usize> {
    let own = occupants.iter().position(|occupant| *occupant == Occupant::Own);
    own.or_else(|| (0..occupants.len()).min_by_key(|index| occupants.get(*index)))
}

/// The slots that already hold this owner's token; if there are none and it needs one, the best slot for it.
fn chosen<'a>(slots: &'a [Slot], occupants: &[Occupant], takes_room: bool) -> Vec<&'a Slot> {
    let both = || slots.iter().zip(occupants);
    let own: Vec<_> = both().filter(|(_, occupant)| **occupant == Occupant::Own).map(|(slot, _)| slot).collect();
    if own.is_empty() && takes_room {
        return both().min_by_key(|(_, occupant)| **occupant).map(|(slot, _)| slot).into_iter().collect();
    }
    own
}

/// Whose token is in a slot; the smallest is displaced first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Occupant {
    /// None, or one that has expired.
    None,
    /// Another owner's token, which ends then.
    Other(UnixTime),
    /// This owner's token.
    Own,
}

impl Occupant {
    fn of(entry: Vec<u8>, slot: &Slot, now: UnixTime) -> Self {
        let other = Self::by_end(&entry, now);
        if slot.open(entry).is_some() { Self::Own } else { other }
    }

    /// The occupant of an entry that does not open.
    fn by_end(entry: &[u8], now: UnixTime) -> Self {
        let end = entry.first_chunk().map_or(UnixTime(0), |end| UnixTime(u64::from_be_bytes(*end)));
        // No token lives longer, so this is not an entry, or someone tries to keep the slot forever.
        let longest = now.plus(MAX_LIFE_SECONDS);
        if now < end && end <= longest { Self::Other(end) } else { Self::None }
    }
}

/// A place for one token.
struct Slot {
    key: String,
    /// What an entry here is for: one for another directory, application, scope or slot does not open.
    purpose: String,
    /// What its owner has and others do not.
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    Assertion(Arc<VerifiedCaller>),
    Credential(Arc<ClientCredential>),
}

impl Secret {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Assertion(caller) => caller.assertion().as_str().as_bytes(),
            Self::Credential(credential) => credential.key_material(),
        }
    }
}

impl Slot {
    fn seal(&self, end: UnixTime, random: [u8; 16], content: &[u8]) -> Option<Vec<u8>> {
        let sealed = seal(self.secret.as_bytes(), self.purpose.as_bytes(), random, content)?;
        Some([&end.0.to_be_bytes(), &*sealed].concat())
    }

    fn open(&self, mut entry: Vec<u8>) -> Option<Vec<u8>> {
        entry.drain(..END_BYTES.min(entry.len()));
        open(self.secret.as_bytes(), self.purpose.as_bytes(), entry)
    }
}

/// Independent parts of the digest, each modulo the number of slots.
fn numbers(digest: &AssertionDigest, slots: u32) -> Vec<u64> {
    let (parts, _) = digest.as_chunks::<8>();
    parts.iter().take(2).filter_map(|part| u64::from_be_bytes(*part).checked_rem(u64::from(slots))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Occupant, Secret, Slot, best, chosen, numbers};
    use crate::{credential::client_credential::ClientCredential, host::UnixTime};

    #[test]
    fn a_token_takes_the_slot_that_costs_least() {
        let secret = Secret::Credential(Arc::new(ClientCredential::Secret(String::new())));
        let slots = ["a", "b"].map(|key| Slot { key: key.to_owned(), purpose: String::new(), secret: secret.clone() });
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
    fn a_lease_takes_the_slot_that_costs_least() {
        let (none, own) = (Occupant::None, Occupant::Own);
        let other = |end| Occupant::Other(UnixTime(end));
        for (occupants, chosen) in [
            (vec![], None),
            (vec![other(9)], Some(0)),
            (vec![none, none], Some(0)),
            (vec![other(9), none], Some(1)),
            (vec![other(9), other(8)], Some(1)),
            (vec![none, own], Some(1)),
        ] {
            assert_eq!(best(&occupants), chosen, "{occupants:?}");
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
