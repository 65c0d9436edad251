#![doc = include_str!("../README.md")]
//!
//! ## Inside
//!
//! From the outside in: `lib.rs` knows what keys, signatures and encoded messages look like. `equation` decides whether
//! a power of the signature is the encoded message, with the multiplication modulo the key from `montgomery`. `rows` is the
//! loop in which the time goes; `limbs` is how big integers are held.

mod equation;
mod limbs;
mod montgomery;
mod rows;

use core::fmt;

use sha2::{Digest, Sha256};

use self::equation::Equation;

/// An RSA public key prepared for verifying.
///
/// Preparing costs about as much as verifying one signature, so keep the key for as long as it is trusted.
#[derive(Clone)]
pub struct RsaPublicKey {
    modulus: Box<[u8]>,
    equation: EquationOfSize,
}

impl RsaPublicKey {
    /// Prepares a key given as in RFC 7518 section 6.3.1: big-endian and without leading zeros, base64url undone.
    ///
    /// # Errors
    ///
    /// The modulus must be odd and have exactly 2048, 3072 or 4096 bits; the exponent must be 3 or 65537. Entra ID signs
    /// with keys of 2048 bits and the exponent 65537.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let squarings = squarings(modulus, exponent)?;
        let equation = match modulus.len() {
            256 => EquationOfSize::Bits2048(Equation::new(modulus, squarings).into()),
            384 => EquationOfSize::Bits3072(Equation::new(modulus, squarings).into()),
            512 => EquationOfSize::Bits4096(Equation::new(modulus, squarings).into()),
            _ => return Err(KeyError::ModulusSize),
        };
        Ok(Self { modulus: modulus.into(), equation })
    }

    /// Whether [`RsaPublicKey::new`] would take a key, without the cost of preparing it.
    ///
    /// # Errors
    ///
    /// Those of [`RsaPublicKey::new`].
    pub fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyError> {
        squarings(modulus, exponent).map(|_| ())
    }

    /// Whether `signature` is this key's signature of `message`; see [`RsaPublicKey::verify_sha256_digest`].
    #[must_use]
    pub fn verify_sha256(&self, message: &[u8], signature: &[u8]) -> bool {
        self.verify_sha256_digest(&Sha256::digest(message).into(), signature)
    }

    /// Whether `signature` is this key's signature of the message whose SHA-256 is `digest`:
    /// RSASSA-PKCS1-V1_5-VERIFY (RFC 8017 section 8.2.2).
    ///
    /// The encoded message is not taken apart. It is built, and the whole of it is compared with the power of the
    /// signature. So each message has exactly one signature: of exactly the modulus' length, below the modulus, and
    /// with the one `DigestInfo` of section 9.2, whose `parameters` are an explicit NULL.
    #[must_use]
    pub fn verify_sha256_digest(&self, digest: &[u8; 32], signature: &[u8]) -> bool {
        // Step 1, and step 1 of RSAVP1 (section 5.2.2). Of two equally long big-endian integers the lesser comes first.
        if signature.len() != self.modulus.len() || *signature >= *self.modulus {
            return false;
        }
        let encoded = encode(digest, self.modulus.len());
        match &self.equation {
            EquationOfSize::Bits2048(equation) => equation.holds(signature, &encoded),
            EquationOfSize::Bits3072(equation) => equation.holds(signature, &encoded),
            EquationOfSize::Bits4096(equation) => equation.holds(signature, &encoded),
        }
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RsaPublicKey").field("bits", &(8 * self.modulus.len())).finish_non_exhaustive()
    }
}

/// Why [`RsaPublicKey::new`] refuses a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The modulus begins with a zero byte, which RFC 7518 section 6.3.1.1 forbids.
    LeadingZero,
    /// The modulus does not have 2048, 3072 or 4096 bits.
    ModulusSize,
    /// The modulus is even, so it is no product of two large primes.
    EvenModulus,
    /// The exponent is neither 3 nor 65537 in its shortest form.
    Exponent,
}

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::LeadingZero => "the RSA modulus has a leading zero",
            Self::ModulusSize => "the RSA modulus is not of 2048, 3072 or 4096 bits",
            Self::EvenModulus => "the RSA modulus is even",
            Self::Exponent => "the RSA exponent is neither 3 nor 65537",
        })
    }
}

impl core::error::Error for KeyError {}

/// What a valid signature fulfils, with as much room as the modulus needs (see [`limbs::Number`]).
#[derive(Clone)]
enum EquationOfSize {
    Bits2048(Box<Equation<19>>),
    Bits3072(Box<Equation<29>>),
    Bits4096(Box<Equation<38>>),
}

/// How many squarings the power to a good key's exponent takes, before the last multiplication.
fn squarings(modulus: &[u8], exponent: &[u8]) -> Result<u32, KeyError> {
    if modulus.first() == Some(&0) {
        return Err(KeyError::LeadingZero);
    }
    if modulus.first().is_none_or(|&first| first < 0x80) || !matches!(modulus.len(), 256 | 384 | 512) {
        return Err(KeyError::ModulusSize);
    }
    if modulus.last().is_none_or(|last| last % 2 == 0) {
        return Err(KeyError::EvenModulus);
    }
    match exponent {
        [3] => Ok(1),
        [1, 0, 1] => Ok(16),
        _ => Err(KeyError::Exponent),
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2) with SHA-256: `00 01 FF .. FF 00`, the `DigestInfo`, which ends with the hash.
fn encode(digest: &[u8; 32], length: usize) -> Vec<u8> {
    /// `DigestInfo` up to the hash (note 1 of section 9.2).
    const DIGEST_INFO: [u8; 19] = [
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
        0x20,
    ];

    let padding = length.saturating_sub(3 + DIGEST_INFO.len() + digest.len());
    [&[0, 1], &*vec![0xff; padding], &[0], &DIGEST_INFO, digest].concat()
}
