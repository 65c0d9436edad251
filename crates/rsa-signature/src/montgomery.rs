//! Multiplication modulo the key.
//!
//! # Method
//!
//! P. L. Montgomery, "Modular multiplication without trial division" (1985). Let `n` be the modulus. To a product are added
//! multiples of `n` which turn its lowest limbs into zeros. Dropping these divides it, modulo `n`, by the power of the
//! radix that is called `R`. The limbs are made zero a block of six at a time.
//!
//! Which multiple of `n` does that to the next block would take a multiplication to find out. But for the `k` with
//! `k n = -1` modulo `RADIX^6`, the multiple of `k n` to add is the block itself (H. Orup, "Simplifying quotient
//! determination in high-radix modular multiplication", 1995). With `k n = RADIX^6 shifted - 1` this is: take the block
//! away, and add the block times `shifted` six limbs further up. As `k n` is six limbs longer than `n`, the last block is
//! made zero with `n` itself.
//!
//! # Why nothing overflows
//!
//! All limbs are integers, so all sums and products are exact as long as none reaches 2^53. With `L` limbs, at most 186:
//!
//! - The limbs of factors are carried: at most 2^22 + 2^8 (see [`limbs`](super::limbs)). A column of a product is the sum of
//!   at most `L` products of two limbs, and of as many from the multiples of `n`; in absolute values that is at most
//!   2 * 186 * (2^22 + 2^8)^2 < 2^52.6, in whichever order they are added. To this come carries of less than 2^31.
//! - Let all factors be less than `n`, of either sign. `R` has at least 22 bits more than `n`, so a product divided by `R`,
//!   or the difference of two, is less than `n / 2^21`. `k` has digits of at most 2^22, so it is at most 0.501 `RADIX^6`,
//!   and `shifted` is at most 0.501 `n`. All blocks but the last, seen as one number, are at most 0.501 `R / RADIX^6`, and
//!   the last is at most 0.501 `RADIX^6`. So what is added, divided by `R`, is at most (0.501 * 0.501 + 0.501) `n`; and the
//!   result is again less than `n`.

#![expect(
    clippy::indexing_slicing,
    reason = "positions in arrays of fixed sizes; which columns are meant is the point of this file"
)]

use super::{
    limbs::{
        BLOCK, CHUNK, Entry, Number, RADIX, Staggered, are_carried, carry, carry_into, centred, divide_by_radix, one,
        set_block, stagger,
    },
    pair::Pair,
    rows::Rows,
};

/// An odd number, with what is needed to multiply modulo it.
#[derive(Clone)]
pub(super) struct Modulus<const CHUNKS: usize> {
    modulus: Staggered<CHUNKS>,
    /// The inverse of `-modulus` modulo `RADIX^6`: `k`.
    inverse: [Entry; BLOCK],
    /// `(k modulus + 1) / RADIX^6`.
    shifted: Staggered<CHUNKS>,
}

/// A product before its reduction, a column for each limb.
type Product<const CHUNKS: usize> = [Number<CHUNKS>; 2];

impl<const CHUNKS: usize> Modulus<CHUNKS> {
    /// Blocks in a number, not counting the spare one.
    const BLOCKS: usize = CHUNKS * CHUNK / BLOCK - 1;

    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "relaxed-simd"))]
    pub(super) fn new(modulus: &Number<CHUNKS>) -> Self {
        // An odd number is its own inverse modulo 8. Newton's method doubles the bits that are right: 3, 6, 12, 24.
        let lowest = modulus[0][0].low();
        let inverse = (0..3).fold(lowest, |inverse, _| centred(inverse * centred(2.0 - centred(inverse * lowest))));

        // The original reduction, a limb at a time, takes 1 to (k n + 1) / RADIX^6 and finds the digits of k on the way.
        let mut shifted = one();
        let [d0, d1, d2, d3, d4, d5] = [(); 2 * BLOCK].map(|()| {
            let digit = -centred(centred(shifted[0][0].low()) * inverse);
            for (sum, modulus) in shifted.as_flattened_mut().iter_mut().zip(modulus.as_flattened()) {
                *sum = *sum + *modulus * Pair::splat(digit);
            }
            divide_by_radix(shifted.as_flattened_mut());
            digit
        });
        carry(shifted.as_flattened_mut());
        carry(shifted.as_flattened_mut());
        debug_assert!(are_carried(shifted.as_flattened()), "a limb is too large");

        let mut inverse = [[Pair::ZERO; 2]; BLOCK + 1];
        set_block(&mut inverse, [Pair::new(d0, d1), Pair::new(d2, d3), Pair::new(d4, d5)]);
        let [first, second, third, _] = inverse;
        Self { modulus: stagger(modulus), inverse: [first, second, third], shifted: stagger(&shifted) }
    }

    /// The difference of two products, divided by `R`.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "relaxed-simd"))]
    pub(super) fn difference(&self, [first, second]: [(&Number<CHUNKS>, &Staggered<CHUNKS>); 2]) -> Number<CHUNKS> {
        let mut product: Product<CHUNKS> = [[[Pair::ZERO; CHUNK]; CHUNKS]; 2];
        let columns = product.as_flattened_mut().as_flattened_mut();
        for (index, block) in blocks(second.0) {
            add_rows(&mut columns[BLOCK * index..], block.map(|pair| Pair::ZERO - pair), second.1);
        }
        // There is room for a product and its reduction, but not always for a second product.
        carry(columns);
        for (index, block) in blocks(first.0) {
            add_rows(&mut columns[BLOCK * index..], block, first.1);
        }
        let mut difference = [[Pair::ZERO; CHUNK]; CHUNKS];
        self.reduce(&mut product, &mut difference);
        difference
    }

    /// Squares a number, and divides by `R`.
    ///
    /// The product of two different limbs is in a square twice. So each block, beginning with the highest, is multiplied
    /// with itself once and with what is above it twice.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "relaxed-simd"))]
    pub(super) fn square(&self, number: &mut Number<CHUNKS>) {
        let mut product: Product<CHUNKS> = [[[Pair::ZERO; CHUNK]; CHUNKS]; 2];
        let columns = product.as_flattened_mut().as_flattened_mut();
        let mut from_here_up: Staggered<CHUNKS> = [[[Pair::ZERO; 2]; CHUNK]; CHUNKS];
        for (index, block) in blocks(number).rev() {
            let (row, chunk) = (BLOCK * index, BLOCK * index / CHUNK);
            set_block(&mut from_here_up.as_flattened_mut()[row..], block);
            add_rows(&mut columns[row + CHUNK * chunk..], block, &from_here_up[chunk..]);
            set_block(&mut from_here_up.as_flattened_mut()[row..], block.map(|pair| pair + pair));
        }
        self.reduce(&mut product, number);
    }

    /// Makes the lower half of a product zero, and takes the result from above it.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "relaxed-simd"))]
    fn reduce(&self, product: &mut Product<CHUNKS>, result: &mut Number<CHUNKS>) {
        let columns = product.as_flattened_mut().as_flattened_mut();
        let (lowest_chunk, other_chunks) = self.shifted.split_at(1);
        let mut block = take_block(columns);
        for index in 1..Self::BLOCKS {
            let (lowest_columns, other_columns) = columns[BLOCK * index..].split_at_mut(CHUNK);
            let mut rows = Rows::new(block);
            rows.add(lowest_columns, lowest_chunk);
            // The next block is complete already. Taking it here, the processor is ready with it by the next turn.
            block = take_block(lowest_columns);
            rows.add(other_columns, other_chunks);
        }

        let mut rows = Rows::new(block);
        let mut multiple = self.inverse.map(|entry| rows.next(Pair::ZERO, entry));
        carry(&mut multiple);
        carry(&mut multiple);
        let columns = &mut columns[BLOCK * (Self::BLOCKS - 1)..];
        columns[..BLOCK].copy_from_slice(&block);
        add_rows(columns, multiple, &self.modulus);
        // The block is a multiple of RADIX^6 now, so there is no remainder in any of its limbs.
        let (block, result_columns) = columns.split_at_mut(BLOCK);
        let carried = block.iter().fold(0.0, |sum, pair| ((sum + pair.low()) / RADIX + pair.high()) / RADIX);
        result_columns[0] = result_columns[0] + Pair::new(carried, 0.0);

        carry(result_columns);
        carry_into(result.as_flattened_mut(), result_columns);
        debug_assert!(are_carried(result.as_flattened()), "a limb is too large");
    }
}

/// The blocks of a number, without the spare one.
#[inline(always)]
fn blocks<const CHUNKS: usize>(number: &Number<CHUNKS>) -> impl DoubleEndedIterator<Item = (usize, [Pair; BLOCK])> {
    number.as_flattened().as_chunks().0.iter().copied().enumerate().take(Modulus::<CHUNKS>::BLOCKS)
}

/// Adds the product of a block and a number to the columns that it lines up with.
///
/// It stays a function in the compiled code: its loop needs all the registers.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "relaxed-simd"))]
#[inline(never)]
fn add_rows(columns: &mut [Pair], block: [Pair; BLOCK], entries: &[[Entry; CHUNK]]) {
    Rows::new(block).add(columns, entries);
}

/// The lowest block, carried. What it carries goes into the column above it.
#[inline(always)]
fn take_block(columns: &mut [Pair]) -> [Pair; BLOCK] {
    let mut block = [columns[0], columns[1], columns[2]];
    let carried = carry(&mut block) + carry(&mut block);
    columns[BLOCK] = columns[BLOCK] + Pair::new(carried, 0.0);
    block
}
