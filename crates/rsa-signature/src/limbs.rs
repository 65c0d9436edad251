//! Big integers as limbs of 27 bits, each held in a `u64`.
//!
//! WebAssembly multiplies two 64-bit integers to the lower half of their product, so limbs have half of that at most. With
//! 27 bits, the sums of products that a multiplication needs stay below 2^64, and nothing has to be carried before its end.
//!
//! A number is *carried* when every limb is less than 2^27.

/// How many bits a limb has.
pub(super) const LIMB_BITS: u32 = 27;

/// The bits of a carried limb.
pub(super) const LIMB: u64 = (1 << LIMB_BITS) - 1;

/// Limbs in a block: what a multiplication takes of one factor at a time.
pub(super) const BLOCK: usize = 4;

/// Limbs, lowest first.
pub(super) type Block = [u64; BLOCK];

/// `4 * BLOCKS` limbs, lowest first.
///
/// 76 limbs hold 2048 bits in 19 blocks, 116 limbs 3072 bits in 29, 152 limbs 4096 bits in 38, each with 4 bits to spare or
/// more.
pub(super) type Number<const BLOCKS: usize> = [Block; BLOCKS];

/// Reads a big-endian integer that fits.
pub(super) fn from_be_bytes<const BLOCKS: usize>(bytes: &[u8]) -> Number<BLOCKS> {
    let mut bytes = bytes.iter().rev();
    let (mut pending, mut pending_bits) = (0, 0);
    let mut number = [[0; BLOCK]; BLOCKS];
    for limb in number.as_flattened_mut() {
        while pending_bits < LIMB_BITS {
            pending |= bytes.next().map_or(0, |&byte| u64::from(byte)) << pending_bits;
            pending_bits += u8::BITS;
        }
        *limb = pending & LIMB;
        pending >>= LIMB_BITS;
        pending_bits -= LIMB_BITS;
    }
    number
}

/// The number 1.
pub(super) fn one<const BLOCKS: usize>() -> Number<BLOCKS> {
    let mut number = [[0; BLOCK]; BLOCKS];
    if let Some(lowest) = number.as_flattened_mut().first_mut() {
        *lowest = 1;
    }
    number
}

/// Moves into the next limb what exceeds a limb. The number must have room for all of it.
pub(super) fn carry(limbs: &mut [u64]) {
    let mut carried = 0;
    for limb in limbs {
        let sum = *limb + carried;
        (*limb, carried) = (sum & LIMB, sum >> LIMB_BITS);
    }
    debug_assert_eq!(carried, 0, "the number has no room for what was carried");
}

/// `left - right`, which must not be negative. Both are carried, and so is the difference.
pub(super) fn difference<const BLOCKS: usize>(left: &Number<BLOCKS>, right: &Number<BLOCKS>) -> Number<BLOCKS> {
    let mut difference = *left;
    let mut borrowed = 0;
    for (limb, right) in difference.as_flattened_mut().iter_mut().zip(right.as_flattened()) {
        let minuend = *limb + (1 << LIMB_BITS) - borrowed - right;
        (*limb, borrowed) = (minuend & LIMB, 1 - (minuend >> LIMB_BITS));
    }
    debug_assert_eq!(borrowed, 0, "the difference is negative");
    difference
}

#[cfg(test)]
mod tests {
    use super::{LIMB, Number, carry, difference, from_be_bytes, one};

    #[test]
    fn bytes_become_limbs() {
        assert_eq!(from_be_bytes::<1>(&[0xff; 13]), [[LIMB, LIMB, LIMB, (1 << 23) - 1]]);
        assert_eq!(from_be_bytes::<1>(&[0x08, 0, 0, 0]), [[0, 1, 0, 0]]);
        assert_eq!(from_be_bytes::<2>(&[1]), one());
    }

    #[test]
    fn carries_and_borrows_go_all_the_way() {
        let mut number: Number<1> = [[LIMB + 1, LIMB, LIMB, 0]];
        carry(number.as_flattened_mut());
        assert_eq!(number, [[0, 0, 0, 1]]);
        assert_eq!(difference(&number, &one()), [[LIMB, LIMB, LIMB, 0]]);
        assert_eq!(difference(&number, &number), [[0; 4]]);
    }
}
