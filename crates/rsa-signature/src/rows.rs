//! The kernel: six rows of a schoolbook product at once.

use core::hint::black_box;

use super::{
    limbs::{BLOCK, CHUNK, Entry},
    pair::Pair,
};

/// The six limbs of a block, on their way up a number, an [`Entry`] at a time.
///
/// Row `r` of the six is `r` limbs further up. So the two columns that a pair of the number lines up with in row 0 get
/// row 2 of the pair before it, and row 4 of the pair before that; and rows 1, 3 and 5 of the pairs that begin one limb
/// below these. That way each column is loaded and stored once for six products.
pub(super) struct Rows {
    multipliers: [Pair; 2 * BLOCK],
    before: Entry,
    before_that: Entry,
}

impl Rows {
    #[inline(always)]
    pub(super) fn new([first, second, third]: [Pair; BLOCK]) -> Self {
        Self {
            multipliers: [
                Pair::splat(first.low()),
                Pair::splat(first.high()),
                Pair::splat(second.low()),
                Pair::splat(second.high()),
                Pair::splat(third.low()),
                Pair::splat(third.high()),
            ],
            before: [Pair::ZERO; 2],
            before_that: [Pair::ZERO; 2],
        }
    }

    /// Adds the products with the next `entries` to the columns that they line up with; there must be enough of these.
    ///
    /// Two chunks in each turn of the loop: a host that meters time, as Spin does, checks it at every turn.
    #[inline(always)]
    pub(super) fn add(&mut self, columns: &mut [Pair], entries: &[[Entry; CHUNK]]) {
        debug_assert!(columns.len() >= CHUNK * entries.len(), "columns are missing");
        let Some(columns) = columns.as_chunks_mut::<CHUNK>().0.get_mut(..entries.len()) else {
            return;
        };
        let (columns, odd_columns) = columns.as_chunks_mut::<2>();
        let (entries, odd_entries) = entries.as_chunks::<2>();
        for ([columns1, columns2], [entries1, entries2]) in columns.iter_mut().zip(entries) {
            self.add_chunk(columns1, entries1);
            self.add_chunk(columns2, entries2);
        }
        if let ([columns], [entries]) = (odd_columns, odd_entries) {
            self.add_chunk(columns, entries);
        }
    }

    /// Without `black_box` the compiler would derive the addresses from one counter, in a form in which Wasm has to add
    /// something up for each; so they are offsets from two pointers. The additions took a tenth of the time.
    #[inline(always)]
    fn add_chunk(&mut self, columns: &mut [Pair; CHUNK], entries: &[Entry; CHUNK]) {
        let (columns, entries) = (black_box(columns), black_box(entries));
        for (column, &entry) in columns.iter_mut().zip(entries) {
            *column = self.next(*column, entry);
        }
    }

    /// Adds to the column what the next entry of the number contributes.
    ///
    /// In two sums, so that half as many products wait for the one before them. The order of the factors is the one in
    /// which wasmtime moves the fewest registers: the first is overwritten, and `even4` and `odd4` are not used again.
    #[inline(always)]
    pub(super) fn next(&mut self, column: Pair, entry: Entry) -> Pair {
        let [m0, m1, m2, m3, m4, m5] = self.multipliers;
        let ([even0, odd0], [even2, odd2], [even4, odd4]) = (entry, self.before, self.before_that);
        (self.before, self.before_that) = (entry, self.before);
        let without_column = (m0 * even0).plus_product(m1, odd0).plus_product(m2, even2);
        without_column + column.plus_product(even4, m4).plus_product(odd4, m5).plus_product(m3, odd2)
    }
}
