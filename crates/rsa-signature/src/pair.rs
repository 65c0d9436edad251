//! Two `f64` side by side: one register of Wasm's SIMD, an array elsewhere.
//!
//! In Wasm the operations are safe functions of `core::arch` with the target feature `relaxed-simd`, which wasmtime and
//! Spin enable by default. The component as a whole is not built with it: the functions of
//! [`montgomery`](super::montgomery) and [`equation`](super::equation) enable it one by one. What they call is
//! `inline(always)`, here and in the files between. Compiled separately, it would lack the feature, and each operation
//! would be a call.

#[cfg(not(target_arch = "wasm32"))]
pub(super) use portable::Pair;
#[cfg(target_arch = "wasm32")]
pub(super) use wasm::Pair;

use core::ops::{Add, Mul, Sub};

impl Pair {
    pub(super) const ZERO: Self = Self::new(0.0, 0.0);

    #[inline(always)]
    pub(super) const fn splat(value: f64) -> Self {
        Self::new(value, value)
    }
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use core::arch::wasm32::{
        f64x2, f64x2_add, f64x2_extract_lane, f64x2_mul, f64x2_relaxed_madd, f64x2_sub, i64x2_shuffle, v128,
    };

    #[derive(Clone, Copy)]
    pub(in super::super) struct Pair(v128);

    impl Pair {
        #[inline(always)]
        pub(in super::super) const fn new(low: f64, high: f64) -> Self {
            Self(f64x2(low, high))
        }

        #[inline(always)]
        pub(in super::super) fn low(self) -> f64 {
            f64x2_extract_lane::<0>(self.0)
        }

        #[inline(always)]
        pub(in super::super) fn high(self) -> f64 {
            f64x2_extract_lane::<1>(self.0)
        }

        /// The high half of `below`, then the low half of `self`.
        #[inline(always)]
        pub(in super::super) fn straddling(self, below: Self) -> Self {
            Self(i64x2_shuffle::<1, 2>(below.0, self.0))
        }

        #[inline(always)]
        pub(super) fn plus(self, other: Self) -> Self {
            Self(f64x2_add(self.0, other.0))
        }

        #[inline(always)]
        pub(super) fn minus(self, other: Self) -> Self {
            Self(f64x2_sub(self.0, other.0))
        }

        #[inline(always)]
        pub(super) fn times(self, other: Self) -> Self {
            Self(f64x2_mul(self.0, other.0))
        }

        /// `self + left * right`. A host may round the product or not; here it is exact, so that makes no difference.
        #[inline(always)]
        pub(in super::super) fn plus_product(self, left: Self, right: Self) -> Self {
            Self(f64x2_relaxed_madd(left.0, right.0, self.0))
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod portable {
    #[derive(Clone, Copy)]
    pub(in super::super) struct Pair([f64; 2]);

    impl Pair {
        #[inline(always)]
        pub(in super::super) const fn new(low: f64, high: f64) -> Self {
            Self([low, high])
        }

        #[inline(always)]
        pub(in super::super) fn low(self) -> f64 {
            self.0[0]
        }

        #[inline(always)]
        pub(in super::super) fn high(self) -> f64 {
            self.0[1]
        }

        /// The high half of `below`, then the low half of `self`.
        #[inline(always)]
        pub(in super::super) fn straddling(self, below: Self) -> Self {
            Self([below.0[1], self.0[0]])
        }

        #[inline(always)]
        pub(super) fn plus(self, other: Self) -> Self {
            Self([self.0[0] + other.0[0], self.0[1] + other.0[1]])
        }

        #[inline(always)]
        pub(super) fn minus(self, other: Self) -> Self {
            Self([self.0[0] - other.0[0], self.0[1] - other.0[1]])
        }

        #[inline(always)]
        pub(super) fn times(self, other: Self) -> Self {
            Self([self.0[0] * other.0[0], self.0[1] * other.0[1]])
        }

        #[inline(always)]
        pub(in super::super) fn plus_product(self, left: Self, right: Self) -> Self {
            // One of either kind, so that the tests see both.
            Self([left.0[0].mul_add(right.0[0], self.0[0]), self.0[1] + left.0[1] * right.0[1]])
        }
    }
}

impl Add for Pair {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.plus(other)
    }
}

impl Sub for Pair {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.minus(other)
    }
}

impl Mul for Pair {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.times(other)
    }
}
