//! The equation that a valid signature fulfils.

use super::{
    limbs::{Staggered, from_be_bytes, is_zero, one, stagger},
    montgomery::Modulus,
};

/// `base^(2^squarings + 1) = value` modulo an odd number.
///
/// No number is brought into Montgomery's form or out of it. Each multiplication brings a factor `1/R` into the power, so
/// that in the end it has the factor `R^-(2^squarings)`. The value is multiplied by that as well; and as this is a unit
/// modulo an odd number, it makes no difference to whether the equation holds.
#[derive(Clone)]
pub(super) struct Equation<const CHUNKS: usize> {
    modulus: Modulus<CHUNKS>,
    squarings: u32,
    /// With the `1/R` of one multiplication it is the factor.
    value_factor: Staggered<CHUNKS>,
}

impl<const CHUNKS: usize> Equation<CHUNKS> {
    /// The equation for an odd modulus in big-endian bytes.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "relaxed-simd"))]
    pub(super) fn new(modulus: &[u8], squarings: u32) -> Self {
        let modulus = Modulus::new(&from_be_bytes(modulus));
        let mut value_factor = one();
        for _ in 0..squarings {
            modulus.square(&mut value_factor);
        }
        Self { modulus, squarings, value_factor: stagger(&value_factor) }
    }

    /// Whether the equation holds. Both numbers are less than the modulus, and big-endian.
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "relaxed-simd"))]
    pub(super) fn holds(&self, base: &[u8], value: &[u8]) -> bool {
        let base = from_be_bytes(base);
        let mut power = base;
        for _ in 0..self.squarings {
            self.modulus.square(&mut power);
        }
        // A multiple of the modulus that is less than the modulus is zero.
        let products = [(&power, &stagger(&base)), (&from_be_bytes(value), &self.value_factor)];
        is_zero(self.modulus.difference(products).as_flattened())
    }
}

#[cfg(test)]
mod tests {
    use rsa::BigUint;

    use super::Equation;

    #[test]
    fn powers_are_those_of_big_integers() {
        check_powers::<4>(2048, 1);
        check_powers::<6>(3072, 3);
        check_powers::<8>(4096, 3);
    }

    /// Moduli and bases with the largest limbs, the longest carries, the least and the largest values, and no pattern.
    fn check_powers<const CHUNKS: usize>(bits: usize, step: usize) {
        let one = BigUint::from(1_u32);
        let power_of_two = |exponent: usize| &one << exponent;
        let ones = |count: usize| power_of_two(count) - &one;
        let alternating = |limb: u32, other: u32| {
            (0..bits / 23).fold(BigUint::default(), |sum, at| (sum << 23) + if at % 2 == 0 { limb } else { other })
        };
        let limbs = |limb: u32| alternating(limb, limb);
        let scattered = |seed: u32| BigUint::from(seed).modpow(&BigUint::from(100_003_u32), &ones(bits - 1));

        let moduli = [
            ones(bits),
            power_of_two(bits - 1) + &one,
            ones(bits) - power_of_two(bits / 2),
            power_of_two(bits - 1) | limbs(0x3f_ffff),
            power_of_two(bits - 1) | limbs(0x40_0001),
            // Each limb is half the radix, which is carried either way, or next to it.
            power_of_two(bits - 1) | limbs(0x40_0000) | &one,
            power_of_two(bits - 1) | alternating(0x40_0000, 0x3f_ffff) | &one,
            // A carry that goes through half of the limbs, and the least and the largest in turn.
            power_of_two(bits - 1) + power_of_two(23 * (bits / 46)) - &one,
            power_of_two(bits - 1) | alternating(0x7f_ffff, 0) | &one,
            power_of_two(bits - 1) | scattered(3) | &one,
            power_of_two(bits - 1) | scattered(5) | &one,
        ];
        let bases = [
            BigUint::default(),
            one.clone(),
            BigUint::from(2_u32),
            power_of_two(bits - 1) - &one,
            power_of_two(bits - 1),
            ones(bits),
            limbs(0x3f_ffff),
            limbs(0x40_0000),
            limbs(0x7f_ffff),
            limbs(0x40_00ff),
            alternating(0x40_0000, 0x3f_ffff),
            alternating(0x7f_ffff, 0),
            power_of_two(23 * (bits / 46)) - &one,
            power_of_two(23 * (bits / 46)) + &one,
            scattered(7),
            scattered(11),
        ];
        for (index, (modulus, base)) in
            moduli.iter().flat_map(|modulus| bases.iter().map(move |base| (modulus, base))).enumerate().step_by(step)
        {
            // The largest base is the modulus less one.
            let base = if *base == ones(bits) { modulus - &one } else { base % modulus };
            let squarings = if index % 2 == 0 { 16 } else { 1 };
            let exponent = BigUint::from((1_u32 << squarings) + 1);
            let power = base.modpow(&exponent, modulus);

            let equation = Equation::<CHUNKS>::new(&modulus.to_bytes_be(), squarings);
            let holds = |value: &BigUint| equation.holds(&base.to_bytes_be(), &value.to_bytes_be());
            assert!(holds(&power), "{base:x} to the power of {exponent} modulo {modulus:x}");
            assert!(!holds(&(&power ^ &one)), "{base:x} modulo {modulus:x}, wrong by one");
        }
    }
}
