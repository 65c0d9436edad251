//! Multiplication modulo the key.
//!
//! # Method
//!
//! P. L. Montgomery, "Modular multiplication without trial division" (1985). Let `n` be the modulus. To a product are added
//! multiples of `n` which turn its lowest limbs into zeros. Dropping these divides it, modulo `n`, by the power of two
//! that is called `R`, here 2^27 for each limb of `n`. Product and reduction are schoolbook arithmetic, in blocks of four
//! rows.
//!
//! # Why nothing overflows
//!
//! With `L` limbs, at most 152, and carried factors:
//!
//! - A column of a product is the sum of at most `L` products of two limbs, each less than 2^54, and the reduction adds as
//!   many. There are at most two products before a reduction, so that a column is at most 3 * 152 * 2^54 < 2^62.9. To this
//!   come carries of less than 2^37.
//! - `R` is at least `16 n`. If factors are less than `2 n`, two products, divided by `R`, are at most `n / 2`, and the
//!   reduction adds less than `n`. So the result is again less than `2 n`, which fits.

#![expect(
    clippy::indexing_slicing,
    reason = "positions in arrays of fixed sizes; which columns are meant is the point of this file"
)]

use super::{
    limbs::{BLOCK, Block, LIMB, LIMB_BITS, Number, carry},
    rows::Rows,
};

/// An odd number, with what is needed to multiply modulo it.
#[derive(Clone)]
pub(super) struct Modulus<const BLOCKS: usize> {
    modulus: Number<BLOCKS>,
    /// The inverse of `-modulus` modulo 2^27.
    inverse: u64,
}

/// A product before its reduction, a column for each limb.
type Product<const BLOCKS: usize> = [Number<BLOCKS>; 2];

impl<const BLOCKS: usize> Modulus<BLOCKS> {
    pub(super) fn new(modulus: Number<BLOCKS>) -> Self {
        // An odd number is its own inverse modulo 8. Newton's method doubles the bits that are right: 3, 6, 12, 24, 48.
        let lowest = modulus[0][0];
        let newton = |inverse: u64, _| inverse.wrapping_mul(2_u64.wrapping_sub(inverse.wrapping_mul(lowest)));
        let inverse = (0..4).fold(lowest, newton);
        Self { modulus, inverse: inverse.wrapping_neg() & LIMB }
    }

    pub(super) const fn number(&self) -> &Number<BLOCKS> {
        &self.modulus
    }

    /// The sum of two products, divided by `R`. All factors are carried and less than twice the modulus, and so is the
    /// result.
    pub(super) fn sum_of_products(&self, products: [(&Number<BLOCKS>, &Number<BLOCKS>); 2]) -> Number<BLOCKS> {
        let mut sum: Product<BLOCKS> = [[[0; BLOCK]; BLOCKS]; 2];
        let columns = sum.as_flattened_mut();
        for (left, right) in products {
            for (index, block) in left.iter().enumerate() {
                add_rows(&mut columns[index..], *block, right);
            }
        }
        self.reduce(&mut sum)
    }

    /// Squares a carried number of less than twice the modulus, and divides by `R`. So is the result.
    ///
    /// The product of two different limbs is in a square twice. So each block is multiplied with itself once and with what
    /// is above it twice.
    pub(super) fn square(&self, number: &Number<BLOCKS>) -> Number<BLOCKS> {
        let mut square: Product<BLOCKS> = [[[0; BLOCK]; BLOCKS]; 2];
        let columns = square.as_flattened_mut();
        let twice = number.map(|block| block.map(|limb| 2 * limb));
        for (index, block) in number.iter().enumerate() {
            let ([l0, l1, l2, l3], [_, t1, t2, t3]) = (*block, twice[index]);
            let [c0, c1, c2, c3] = &mut columns[2 * index];
            *c0 += l0 * l0;
            *c1 += l0 * t1;
            *c2 += l0 * t2 + l1 * l1;
            *c3 += l0 * t3 + l1 * t2;
            let [c4, c5, c6, _] = &mut columns[2 * index + 1];
            *c4 += l1 * t3 + l2 * l2;
            *c5 += l2 * t3;
            *c6 += l3 * l3;
            add_rows(&mut columns[2 * index + 1..], *block, &twice[index + 1..]);
        }
        self.reduce(&mut square)
    }

    /// Makes the lower half of a product zero, and returns what is above it.
    fn reduce(&self, product: &mut Product<BLOCKS>) -> Number<BLOCKS> {
        let columns = product.as_flattened_mut();
        let [_, n1, n2, n3] = self.modulus[0];
        let mut multiple = self.next_multiple(columns);
        for index in 1..BLOCKS {
            let mut rows = Rows::new(multiple, [n3, n2, n1]);
            let columns = &mut columns[index..];
            rows.add_block(&mut columns[0], &self.modulus[1]);
            // The next block is complete already. Taking it here, the processor is ready with it by the next turn.
            multiple = self.next_multiple(columns);
            rows.add(&mut columns[1..], &self.modulus[2..]);
            rows.finish(&mut columns[BLOCKS - 1]);
        }
        let mut rows = Rows::new(multiple, [n3, n2, n1]);
        rows.add(&mut columns[BLOCKS..], &self.modulus[1..]);
        rows.finish(&mut columns[2 * BLOCKS - 1]);

        let mut result = product[1];
        carry(result.as_flattened_mut());
        result
    }

    /// Which multiple of the modulus to add, so that the lowest block of the columns becomes zero. Of this addition, it
    /// carries out what goes through the block into the column above.
    #[inline(always)]
    fn next_multiple(&self, columns: &mut [Block]) -> Block {
        let ([n0, n1, n2, n3], [c0, c1, c2, c3]) = (self.modulus[0], columns[0]);
        let digit = |column: u64| {
            let digit = ((column & LIMB) * self.inverse) & LIMB;
            (digit, (column + digit * n0) >> LIMB_BITS)
        };
        let (m0, carried) = digit(c0);
        let (m1, carried) = digit(c1 + carried + m0 * n1);
        let (m2, carried) = digit(c2 + carried + m0 * n2 + m1 * n1);
        let (m3, carried) = digit(c3 + carried + m0 * n3 + m1 * n2 + m2 * n1);
        columns[1][0] += carried;
        [m0, m1, m2, m3]
    }
}

/// Adds the product of a block and a number to the columns that it lines up with.
#[inline]
fn add_rows(columns: &mut [Block], block: Block, limbs: &[Block]) {
    let mut rows = Rows::new(block, [0; BLOCK - 1]);
    rows.add(columns, limbs);
    rows.finish(&mut columns[limbs.len()]);
}
