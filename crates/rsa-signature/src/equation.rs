//! The equation that a valid signature fulfils.

use super::{
    limbs::{Number, difference, from_be_bytes, one},
    montgomery::Modulus,
};

/// `base^(2^squarings + 1) = value` modulo an odd number.
///
/// No number is brought into Montgomery's form or out of it. Each multiplication brings a factor `1/R` into the power, so
/// that in the end it has the factor `R^-(2^squarings)`. The value is multiplied by that as well; and as this is a unit
/// modulo an odd number, it makes no difference to whether the equation holds.
#[derive(Clone)]
pub(super) struct Equation<const BLOCKS: usize> {
    modulus: Modulus<BLOCKS>,
    squarings: u32,
    /// With the `1/R` of one multiplication it is the factor.
    value_factor: Number<BLOCKS>,
}

impl<const BLOCKS: usize> Equation<BLOCKS> {
    /// The equation for an odd modulus in big-endian bytes.
    pub(super) fn new(modulus: &[u8], squarings: u32) -> Self {
        let modulus = Modulus::new(from_be_bytes(modulus));
        let value_factor = (0..squarings).fold(one(), |factor, _| modulus.square(&factor));
        Self { modulus, squarings, value_factor }
    }

    /// Whether the equation holds. Both numbers are less than the modulus, and big-endian.
    pub(super) fn holds(&self, base: &[u8], value: &[u8]) -> bool {
        let (base, modulus) = (from_be_bytes(base), self.modulus.number());
        let power = (0..self.squarings).fold(base, |power, _| self.modulus.square(&power));
        let negative_value = difference(modulus, &from_be_bytes(value));
        let products = [(&power, &base), (&negative_value, &self.value_factor)];
        let difference = self.modulus.sum_of_products(products);
        // A multiple of the modulus that is less than twice the modulus.
        difference == *modulus || difference == [[0; 4]; BLOCKS]
    }
}

#[cfg(test)]
mod tests {
    use rsa::BigUint;

    use super::Equation;

    /// The bits of a limb.
    const LIMB: usize = 27;
    /// The largest limb.
    const MOST: u32 = (1 << LIMB) - 1;

    #[test]
    fn powers_are_those_of_big_integers() {
        check_powers::<19>(2048, 1);
        check_powers::<29>(3072, 3);
        check_powers::<38>(4096, 3);
    }

    /// Moduli and bases with the largest limbs, the longest carries, the least and the largest values, and no pattern.
    fn check_powers<const BLOCKS: usize>(bits: usize, step: usize) {
        let one = BigUint::from(1_u32);
        let power_of_two = |exponent: usize| &one << exponent;
        let ones = |count: usize| power_of_two(count) - &one;
        let alternating = |limb: u32, other: u32| {
            (0..bits / LIMB).fold(BigUint::default(), |sum, at| (sum << LIMB) + if at % 2 == 0 { limb } else { other })
        };
        let limbs = |limb: u32| alternating(limb, limb);
        let scattered = |seed: u32| BigUint::from(seed).modpow(&BigUint::from(100_003_u32), &ones(bits - 1));

        let moduli = [
            ones(bits),
            power_of_two(bits - 1) + &one,
            ones(bits) - power_of_two(bits / 2),
            power_of_two(bits - 1) | limbs(MOST),
            power_of_two(bits - 1) | limbs(1),
            // The highest bit of each limb, and the largest and the smallest limb in turn.
            power_of_two(bits - 1) | limbs(MOST / 2 + 1) | &one,
            power_of_two(bits - 1) | alternating(MOST, 1),
            // A carry that goes through half of the limbs, and the least and the largest in turn.
            power_of_two(bits - 1) + power_of_two(LIMB * (bits / (2 * LIMB))) - &one,
            power_of_two(bits - 1) | alternating(MOST, 0) | &one,
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
            limbs(MOST),
            limbs(MOST / 2),
            limbs(MOST / 2 + 1),
            limbs(1),
            alternating(MOST, 0),
            alternating(1, MOST),
            power_of_two(LIMB * (bits / (2 * LIMB))) - &one,
            power_of_two(LIMB * (bits / (2 * LIMB))) + &one,
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

            let equation = Equation::<BLOCKS>::new(&modulus.to_bytes_be(), squarings);
            let holds = |value: &BigUint| equation.holds(&base.to_bytes_be(), &value.to_bytes_be());
            assert!(holds(&power), "{base:x} to the power of {exponent} modulo {modulus:x}");
            assert!(!holds(&(&power ^ &one)), "{base:x} modulo {modulus:x}, wrong by one");
        }
    }
}
