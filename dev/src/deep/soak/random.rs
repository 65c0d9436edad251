//! Random numbers from a seed.

/// SplitMix64: small and reproducible.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Another sequence of the same seed.
    pub(super) const fn stream(&self, number: u64) -> Self {
        Self(self.0 ^ number.wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least.saturating_add(self.next().checked_rem(span).unwrap_or_default())
    }

    /// One of them.
    pub(super) fn choose<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let at = self.between(0, u64::try_from(all.len()).ok()?.checked_sub(1)?);
        all.get(usize::try_from(at).ok()?).copied()
    }
}
