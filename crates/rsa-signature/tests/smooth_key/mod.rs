//! RSA keys that are made within milliseconds, for any size and exponent.
//!
//! Their moduli are products of many different 32-bit primes instead of two large ones. So anyone can factor them, but
//! RSA works just the same: `s = m^d` is taken modulo each prime, and put together by the Chinese remainder theorem.

use rsa::BigUint;

pub(crate) struct SmoothKey {
    pub(crate) modulus: BigUint,
    exponent: u32,
    primes: Vec<u64>,
}

impl SmoothKey {
    /// `bits` must be a multiple of 32, up to 4096; `exponent` a prime.
    pub(crate) fn new(bits: usize, exponent: u32, random: &mut Random) -> Self {
        let mut primes = Vec::new();
        while primes.len() < bits / 32 {
            // So close to 2^32 that the highest bit of the product of 128 is set.
            let candidate = 0xfeb0_0000 + random.below(0x0150_0000);
            if is_prime(candidate) && candidate % u64::from(exponent) != 1 && !primes.contains(&candidate) {
                primes.push(candidate);
            }
        }
        let modulus = primes.iter().fold(BigUint::from(1_u32), |product, &prime| product * prime);
        assert_eq!(modulus.bits(), bits);
        Self { modulus, exponent, primes }
    }

    pub(crate) fn modulus_bytes(&self) -> Vec<u8> {
        self.modulus.to_bytes_be()
    }

    pub(crate) fn exponent_bytes(&self) -> Vec<u8> {
        BigUint::from(self.exponent).to_bytes_be()
    }

    /// RSASP1 (RFC 8017 section 5.2.1): the number whose power is `message`, as long as the modulus.
    pub(crate) fn root(&self, message: &BigUint) -> Vec<u8> {
        let (mut root, mut product) = (BigUint::default(), BigUint::from(1_u32));
        for &prime in &self.primes {
            let secret = invert(u64::from(self.exponent), prime - 1);
            let wanted = power(remainder(message, prime), secret, prime);
            let missing = prime + wanted - remainder(&root, prime);
            let factor = power(remainder(&product, prime), prime - 2, prime);
            root += &product * (missing % prime * factor % prime);
            product *= prime;
        }
        padded(&root, self.modulus_bytes().len())
    }
}

/// `number` as big-endian bytes with leading zeros.
pub(crate) fn padded(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; length - bytes.len()], bytes].concat()
}

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): repeatable from its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

fn remainder(number: &BigUint, prime: u64) -> u64 {
    (number % prime).to_bytes_be().into_iter().fold(0, |number, byte| 256 * number + u64::from(byte))
}

/// All numbers are below 2^32.
fn power(mut base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent /= 2;
    }
    result
}

/// The inverse of a small prime: `(1 + k modulus) / prime` for the `k` with which the division comes out even.
fn invert(prime: u64, modulus: u64) -> u64 {
    (0..prime).map(|k| 1 + k * modulus).find(|numerator| numerator % prime == 0).unwrap() / prime
}

/// Miller and Rabin's test, whose answer is certain below 2^32 with these bases.
fn is_prime(number: u64) -> bool {
    let twos = (number - 1).trailing_zeros();
    number % 2 == 1
        && [2, 7, 61].into_iter().all(|base| {
            let first = power(base, (number - 1) >> twos, number);
            let mut roots =
                std::iter::successors(Some(first), |root| Some(root * root % number)).take(twos.try_into().unwrap());
            first == 1 || roots.any(|root| root == number - 1)
        })
}
