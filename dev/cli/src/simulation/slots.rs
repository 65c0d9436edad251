//! The shared store: a fixed number of slots, of which each token may take two, as in `exchange/slots.rs` of the core.

use std::time::Duration;

/// What is kept for each token.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    token: u64,
    ends: Duration,
}

#[derive(Debug)]
pub(super) struct Slots(Vec<Slot>);

impl Slots {
    pub(super) fn new(number: u32) -> Self {
        Self(vec![Slot::default(); usize::try_from(number).unwrap_or_default()])
    }

    /// Whether the token is there.
    pub(super) fn has(&self, token: u64, now: Duration) -> bool {
        self.places(token).filter_map(|place| self.0.get(place)).any(|slot| slot.token == token && now < slot.ends)
    }

    /// Puts a token where none is valid any more, or else in place of the one that ends first.
    pub(super) fn put(&mut self, token: u64, ends: Duration, now: Duration) {
        let ends_of = |place: &usize| self.0.get(*place).map(|slot| slot.ends).filter(|ends| now < *ends);
        let best = self.places(token).min_by_key(ends_of);
        if let Some(slot) = best.and_then(|place| self.0.get_mut(place)) {
            *slot = Slot { token, ends };
        }
    }

    /// How many tokens are there that are valid.
    pub(super) fn valid(&self, now: Duration) -> u32 {
        u32::try_from(self.0.iter().filter(|slot| now < slot.ends).count()).unwrap_or(u32::MAX)
    }

    fn places(&self, token: u64) -> impl Iterator<Item = usize> + use<> {
        let number = u64::try_from(self.0.len()).unwrap_or_default();
        let place = move |choice| mixed(token ^ choice).checked_rem(number).and_then(|place| place.try_into().ok());
        [1 << 62, 1 << 63].into_iter().filter_map(place)
    }
}

/// Spreads numbers over all values (splitmix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_until_it_ends() {
        let mut slots = Slots::new(8);
        slots.put(3, Duration::from_secs(10), Duration::ZERO);
        assert!(slots.has(3, Duration::from_secs(9)) && !slots.has(3, Duration::from_secs(10)));
        assert!(!slots.has(4, Duration::ZERO));
        assert_eq!((slots.valid(Duration::ZERO), slots.valid(Duration::from_secs(10))), (1, 0));
    }

    #[test]
    fn the_token_that_ends_first_makes_room() {
        let mut slots = Slots::new(1);
        slots.put(1, Duration::from_secs(10), Duration::ZERO);
        slots.put(2, Duration::from_secs(20), Duration::ZERO);
        assert!(slots.has(2, Duration::ZERO) && !slots.has(1, Duration::ZERO));
    }

    #[test]
    fn few_tokens_displace_each_other_in_a_store_that_is_a_fifth_full() {
        let mut slots = Slots::new(65_536);
        for token in 1..=13_107 {
            slots.put(token, Duration::from_secs(10), Duration::ZERO);
        }
        let lost = (1..=13_107).filter(|token| !slots.has(*token, Duration::ZERO)).count();
        // The expectation is the sum of the squares of the share that is full: a third of 4 %.
        assert!((100..250).contains(&lost), "{lost}");
    }

    #[test]
    fn no_slots_keep_nothing() {
        let mut slots = Slots::new(0);
        slots.put(1, Duration::from_secs(10), Duration::ZERO);
        assert!(!slots.has(1, Duration::ZERO));
    }
}
