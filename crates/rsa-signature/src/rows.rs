//! The kernel: four rows of a schoolbook product at once.

use super::limbs::{BLOCK, Block};

/// The four limbs of a block, on their way up a number, a block at a time.
///
/// Row `r` of the four is `r` limbs further up. That way each column is loaded and stored once for four products, and each
/// limb of the number is loaded once.
pub(super) struct Rows {
    multipliers: Block,
    /// The three limbs below the next ones, highest first.
    below: [u64; BLOCK - 1],
}

impl Rows {
    /// Rows that begin above `below`, three limbs with the highest first, which are multiplied with already.
    #[inline(always)]
    pub(super) const fn new(multipliers: Block, below: [u64; BLOCK - 1]) -> Self {
        Self { multipliers, below }
    }

    /// Adds the products with the next `limbs` to the columns that they line up with; there must be enough of these.
    ///
    /// Two blocks in each turn of the loop: a host that meters time, as Spin does, checks it at every turn.
    #[inline(always)]
    pub(super) fn add(&mut self, columns: &mut [Block], limbs: &[Block]) {
        let (columns, odd_columns) = columns.split_at_mut(limbs.len() & !1);
        let (limbs, odd_limbs) = limbs.as_chunks::<2>();
        for ([columns1, columns2], [limbs1, limbs2]) in columns.as_chunks_mut::<2>().0.iter_mut().zip(limbs) {
            self.add_block(columns1, limbs1);
            self.add_block(columns2, limbs2);
        }
        if let ([columns, ..], [limbs]) = (odd_columns, odd_limbs) {
            self.add_block(columns, limbs);
        }
    }

    /// [`Rows::add`] for one block.
    #[inline(always)]
    pub(super) fn add_block(&mut self, columns: &mut Block, limbs: &Block) {
        let ([m0, m1, m2, m3], [b1, b2, b3], [l0, l1, l2, l3]) = (self.multipliers, self.below, *limbs);
        let [c0, c1, c2, c3] = columns;
        *c0 += m0 * l0 + m1 * b1 + m2 * b2 + m3 * b3;
        *c1 += m0 * l1 + m1 * l0 + m2 * b1 + m3 * b2;
        *c2 += m0 * l2 + m1 * l1 + m2 * l0 + m3 * b1;
        *c3 += m0 * l3 + m1 * l2 + m2 * l1 + m3 * l0;
        self.below = [l3, l2, l1];
    }

    /// Adds what is left at the end, when no limbs are above.
    #[inline(always)]
    pub(super) fn finish(self, [c0, c1, c2, _]: &mut Block) {
        let ([_, m1, m2, m3], [b1, b2, b3]) = (self.multipliers, self.below);
        *c0 += m1 * b1 + m2 * b2 + m3 * b3;
        *c1 += m2 * b1 + m3 * b2;
        *c2 += m3 * b1;
    }
}
