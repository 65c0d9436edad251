//! Forged signatures, and blocks of any form signed by the right key.

use std::sync::LazyLock;

use ring::{digest, hmac};
use rsa::{
    BigUint, Pkcs1v15Sign, RsaPrivateKey,
    rand_core::OsRng,
    traits::{PrivateKeyParts as _, PublicKeyParts as _},
};

use crate::directory::{certificate, signing_key::SigningKey};

/// Makes the signature of a token in place of [`Signing`](crate::Signing).
pub type Forger = Box<dyn FnOnce(&Forgery<'_>) -> Vec<u8> + Send>;

/// The message, and the means to make a signature.
pub struct Forgery<'a> {
    message: &'a [u8],
    key: &'a SigningKey,
}

/// Too short for RS256 (RFC 7518 section 3.3).
const SHORT_KEY_BITS: usize = 1024;

impl<'a> Forgery<'a> {
    pub(crate) fn new(message: &'a [u8], key: &'a SigningKey) -> Self {
        Self { message, key }
    }

    /// The signing input: header and claims in base64url, with a dot between them.
    pub fn message(&self) -> &[u8] {
        self.message
    }

    /// The right signature.
    pub fn right(&self) -> Vec<u8> {
        self.key.sign_rs256(self.message)
    }

    /// The right key's signature of another message.
    pub fn right_for(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign_rs256(message)
    }

    /// The PS256 signature of the right key.
    pub fn ps256(&self) -> Vec<u8> {
        self.key.sign_ps256(self.message)
    }

    /// HMAC with SHA-256, 384 or 512, and 256 for any other number.
    pub fn hmac(&self, bits: u32, key: &[u8]) -> Vec<u8> {
        let algorithm = match bits {
            384 => hmac::HMAC_SHA384,
            512 => hmac::HMAC_SHA512,
            _ => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), self.message).as_ref().to_vec()
    }

    /// SHA-1, 384 or 512 of the message, and SHA-256 for any other number.
    pub fn digest(&self, bits: u32) -> Vec<u8> {
        let algorithm = match bits {
            1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            384 => &digest::SHA384,
            512 => &digest::SHA512,
            _ => &digest::SHA256,
        };
        digest::digest(algorithm, self.message).as_ref().to_vec()
    }

    /// The public key in the forms that vulnerable verifiers have used as a shared secret.
    pub fn public_key_forms(&self) -> Vec<(&'static str, Vec<u8>)> {
        let der = self.key.public_key_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default();
        let pem = certificate::pem("PUBLIC KEY", &der).unwrap_or_default();
        let certificate = certificate::pem("CERTIFICATE", self.key.certificate_der()).unwrap_or_default();
        vec![
            ("PEM", pem.clone().into_bytes()),
            ("PEM without its last line break", pem.trim_end().as_bytes().to_vec()),
            ("DER", der),
            ("certificate", certificate.into_bytes()),
            ("modulus", self.modulus()),
            ("kid", self.key.key_id().as_bytes().to_vec()),
            ("nothing", Vec::new()),
        ]
    }

    /// The modulus, big-endian.
    pub fn modulus(&self) -> Vec<u8> {
        self.key.private_key().n().to_bytes_be()
    }

    /// The signature plus a multiple of the modulus: the same residue, but out of range.
    pub fn shifted_by_modulus(&self, times: u32) -> Vec<u8> {
        let key = self.key.private_key();
        (BigUint::from_bytes_be(&self.right()) + key.n() * BigUint::from(times)).to_bytes_be()
    }

    /// The modulus minus the signature: its negative residue.
    pub fn negative(&self) -> Vec<u8> {
        let key = self.key.private_key();
        padded(&(key.n() - BigUint::from_bytes_be(&self.right())).to_bytes_be(), key.size())
    }

    /// The right key's private operation on any `block`.
    pub fn raw(&self, block: &[u8]) -> Vec<u8> {
        let key = self.key.private_key();
        padded(&BigUint::from_bytes_be(block).modpow(key.d(), key.n()).to_bytes_be(), key.size())
    }

    /// RS256 by a key of 1,024 bits that was never published.
    pub fn by_short_key(&self) -> Vec<u8> {
        static KEY: LazyLock<Option<RsaPrivateKey>> =
            LazyLock::new(|| RsaPrivateKey::new(&mut OsRng, SHORT_KEY_BITS).ok());
        let key = KEY.as_ref();
        key.and_then(|key| key.sign(Pkcs1v15Sign::new::<rsa::sha2::Sha256>(), &self.digest(256)).ok())
            .unwrap_or_default()
    }
}

fn padded(number: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length.saturating_sub(number.len())];
    bytes.extend_from_slice(number);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_operation_on_the_right_block_gives_the_right_signature() {
        let key = SigningKey::generate().unwrap();
        let forgery = Forgery::new(b"message", &key);
        let prefix =
            [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 4, 32];
        let mut block = vec![0, 1];
        block.resize(256 - 1 - prefix.len() - 32, 0xff);
        block.push(0);
        block.extend_from_slice(&prefix);
        block.extend_from_slice(&forgery.digest(256));
        assert_eq!(block.len(), 256);
        assert_eq!(forgery.raw(&block), forgery.right());
        assert_eq!(forgery.by_short_key().len(), 128);
        assert_eq!(forgery.negative().len(), 256);
        assert!(!key.verifies_rs256(b"message", &forgery.negative()));
    }
}
