//! Big integers as signed limbs of 23 bits, each held in an `f64`.
//!
//! An `f64` counts exactly up to 2^53, so sums and products of integers are exact as long as none passes that. Wasm's
//! SIMD multiplies them fastest: a product of two 32-bit integers also takes shuffles, and there is none of two 64-bit
//! ones. Big-integer arithmetic in floating point is an old technique; see D. J. Bernstein, "Floating-point arithmetic
//! and message authentication" (2004).
//!
//! A number is *carried* when every limb is at most 2^22 + 2^8 in magnitude. As limbs may be negative, there is no need
//! for the one form in which none exceeds the radix: a carry is one independent step for all limbs at once, and one
//! integer can have several carried forms. Only [`is_zero`] carries all the way.

use super::pair::Pair;

/// How many units of the limb below a limb counts.
pub(super) const RADIX: f64 = 8_388_608.0;

/// `RADIX` is 2 to the power of this.
const LIMB_BITS: u32 = 23;

/// Pairs in a chunk. The innermost loop takes a chunk at a time, unrolled, so a number is made of whole chunks.
pub(super) const CHUNK: usize = 12;

/// Pairs in a block: what a multiplication takes of one factor at a time.
pub(super) const BLOCK: usize = 3;

/// `24 * CHUNKS` limbs, lowest first. The highest six are zero: the room that six rows need next to each other.
///
/// 90 limbs hold 2048 bits in 4 chunks, 138 limbs 3072 bits in 6, 186 limbs 4096 bits in 8, each with 22 bits to spare or
/// more.
pub(super) type Number<const CHUNKS: usize> = [[Pair; CHUNK]; CHUNKS];

/// A pair of limbs, and the pair that begins one limb below it.
pub(super) type Entry = [Pair; 2];

/// A number laid out for [`Rows`](super::rows::Rows).
pub(super) type Staggered<const CHUNKS: usize> = [[Entry; CHUNK]; CHUNKS];

/// Reads a big-endian integer that fits.
#[inline(always)]
pub(super) fn from_be_bytes<const CHUNKS: usize>(bytes: &[u8]) -> Number<CHUNKS> {
    let mut bytes = bytes.iter().rev();
    let (mut pending, mut pending_bits) = (0_u32, 0);
    let mut next_limb = || {
        while pending_bits < LIMB_BITS {
            pending |= bytes.next().map_or(0, |&byte| u32::from(byte)) << pending_bits;
            pending_bits += 8;
        }
        let limb = pending % (1 << LIMB_BITS);
        pending >>= LIMB_BITS;
        pending_bits -= LIMB_BITS;
        f64::from(limb)
    };

    let mut number = [[Pair::ZERO; CHUNK]; CHUNKS];
    for pair in number.as_flattened_mut() {
        let low = next_limb();
        *pair = Pair::new(low, next_limb());
    }
    carry(number.as_flattened_mut());
    number
}

/// The number 1.
#[inline(always)]
pub(super) fn one<const CHUNKS: usize>() -> Number<CHUNKS> {
    let mut number = [[Pair::ZERO; CHUNK]; CHUNKS];
    if let Some(lowest) = number.as_flattened_mut().first_mut() {
        *lowest = Pair::new(1.0, 0.0);
    }
    number
}

/// Lays out a number.
#[inline(always)]
pub(super) fn stagger<const CHUNKS: usize>(number: &Number<CHUNKS>) -> Staggered<CHUNKS> {
    let mut staggered = [[[Pair::ZERO; 2]; CHUNK]; CHUNKS];
    let mut below = Pair::ZERO;
    for (entry, &pair) in staggered.as_flattened_mut().iter_mut().zip(number.as_flattened()) {
        *entry = [pair, pair.straddling(below)];
        below = pair;
    }
    staggered
}

/// Replaces the lowest block of a number.
#[inline(always)]
pub(super) fn set_block(entries: &mut [Entry], [first, second, third]: [Pair; BLOCK]) {
    let [entry1, entry2, entry3, [above, straddling_above], ..] = entries else { return };
    *entry1 = [first, first.straddling(Pair::ZERO)];
    *entry2 = [second, second.straddling(first)];
    *entry3 = [third, third.straddling(second)];
    *straddling_above = above.straddling(third);
}

/// Moves from each limb into the next what is a multiple of the radix, and returns what leaves the highest one.
///
/// Each limb takes one step: it keeps its own remainder and gets the multiple from below. Limbs of less than 2^53 are at
/// most 2^22 + 2^30 after the first time, and carried after the second.
#[inline(always)]
pub(super) fn carry(pairs: &mut [Pair]) -> f64 {
    let mut multiple_below = Pair::ZERO;
    for pair in pairs {
        let multiple = nearest_multiple_of_radix(*pair);
        *pair = *pair - multiple + multiple.straddling(multiple_below) * Pair::splat(1.0 / RADIX);
        multiple_below = multiple;
    }
    multiple_below.high() / RADIX
}

/// [`carry`] from one place to another.
#[inline(always)]
pub(super) fn carry_into(carried: &mut [Pair], pairs: &[Pair]) {
    let mut multiple_below = Pair::ZERO;
    for (carried, &pair) in carried.iter_mut().zip(pairs) {
        let multiple = nearest_multiple_of_radix(pair);
        *carried = pair - multiple + multiple.straddling(multiple_below) * Pair::splat(1.0 / RADIX);
        multiple_below = multiple;
    }
}

/// Whether the number is carried.
pub(super) fn are_carried(pairs: &[Pair]) -> bool {
    const BOUND: f64 = RADIX / 2.0 + 256.0;
    pairs.iter().all(|pair| pair.low().abs() <= BOUND && pair.high().abs() <= BOUND)
}

/// Divides an integer that is a multiple of the radix.
#[inline(always)]
pub(super) fn divide_by_radix(pairs: &mut [Pair]) {
    let carried = pairs.first().map_or(0.0, |pair| pair.low() / RADIX);
    let mut above = Pair::ZERO;
    for pair in pairs.iter_mut().rev() {
        (*pair, above) = (above.straddling(*pair), *pair);
    }
    if let Some(lowest) = pairs.first_mut() {
        *lowest = *lowest + Pair::new(carried, 0.0);
    }
}

/// Whether limbs of less than 2^52 make up zero.
#[inline(always)]
pub(super) fn is_zero(pairs: &[Pair]) -> bool {
    let mut carried = 0.0;
    for limb in pairs.iter().flat_map(|pair| [pair.low(), pair.high()]) {
        let limb = limb + carried;
        if centred(limb) != 0.0 {
            return false;
        }
        carried = limb / RADIX;
    }
    carried == 0.0
}

/// The remainder by the radix that is nearest to zero.
#[inline(always)]
pub(super) fn centred(value: f64) -> f64 {
    value - nearest_multiple_of_radix(Pair::splat(value)).low()
}

/// The nearest multiples of the radix to two integers of less than 2^53.
///
/// 1.5 * 2^52 radices more, an `f64` has no bits left below the radix: the addition rounds there.
#[inline(always)]
fn nearest_multiple_of_radix(pair: Pair) -> Pair {
    const ROUNDING: Pair = Pair::splat(1.5 * 4_503_599_627_370_496.0 * RADIX);
    (pair + ROUNDING) - ROUNDING
}

#[cfg(test)]
mod tests {
    use super::{Pair, RADIX, is_zero};

    #[test]
    fn zero_has_many_forms() {
        let number = |limbs: [f64; 4]| [Pair::new(limbs[0], limbs[1]), Pair::new(limbs[2], limbs[3])];
        for zero in [[0.0; 4], [RADIX, -1.0, 0.0, 0.0], [-3.0 * RADIX, 3.0 - RADIX * RADIX, RADIX, 0.0]] {
            assert!(is_zero(&number(zero)), "{zero:?}");
        }
        for other in [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [RADIX, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, RADIX]] {
            assert!(!is_zero(&number(other)), "{other:?}");
        }
    }
}
