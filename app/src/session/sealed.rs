//! Bytes that only this app can read and make: what its cookies hold.
//!
//! Encrypted and authenticated by XChaCha20-Poly1305, whose nonces are long enough to be drawn at random under a key that
//! is used for years; the key is derived (HKDF-SHA256, RFC 5869) from the operator's secret for one purpose each.

use chacha20poly1305::{AeadInPlace, Key, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::secret::Secret;

/// Changes whenever the form does, so that cookies of another release are not read.
const FORM: &[u8] = b"profile-app sealed cookie 1";

const DIGEST_FORM: &[u8] = b"profile-app digest 1";

const NONCE_BYTES: usize = 24;

/// Seals `content` under a key derived from `secret`, for `purpose` alone. `random` must be fresh.
#[must_use]
pub(crate) fn seal(secret: &Secret, purpose: &[u8], random: [[u8; 16]; 2], content: Vec<u8>) -> Option<Vec<u8>> {
    let random = random.concat();
    let nonce = random.first_chunk::<NONCE_BYTES>()?;
    let mut sealed = content;
    cipher(secret, purpose)?.encrypt_in_place(XNonce::from_slice(nonce), purpose, &mut sealed).ok()?;
    sealed.extend_from_slice(nonce);
    Some(sealed)
}

/// Opens what was sealed; `None` unless it was under the same secret for the same purpose and is untouched.
#[must_use]
pub(crate) fn open(secret: &Secret, purpose: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let nonce = *sealed.last_chunk::<NONCE_BYTES>()?;
    sealed.truncate(sealed.len().saturating_sub(NONCE_BYTES));
    cipher(secret, purpose)?.decrypt_in_place(XNonce::from_slice(&nonce), purpose, &mut sealed).ok()?;
    Some(sealed)
}

/// A digest that only the holder of `secret` can make, for `purpose` alone.
#[must_use]
pub(crate) fn digest<const BYTES: usize>(secret: &Secret, purpose: &[u8], content: &[u8]) -> Option<[u8; BYTES]> {
    let mut digest = [0; BYTES];
    // The length keeps purpose and content apart.
    let length = purpose.len().to_be_bytes();
    let keys = Hkdf::<Sha256>::new(Some(DIGEST_FORM), secret.expose().as_bytes());
    keys.expand_multi_info(&[&length, purpose, content], &mut digest).ok()?;
    Some(digest)
}

fn cipher(secret: &Secret, purpose: &[u8]) -> Option<XChaCha20Poly1305> {
    let mut key = Key::default();
    Hkdf::<Sha256>::new(Some(FORM), secret.expose().as_bytes()).expand(purpose, &mut key).ok()?;
    Some(XChaCha20Poly1305::new(&key))
}

#[cfg(test)]
mod tests {
    use super::{digest, open, seal};
    use crate::secret::Secret;

    #[test]
    fn what_is_sealed_opens_for_its_holder_alone() {
        let (secret, another) = (Secret::new("secret".to_owned()), Secret::new("another".to_owned()));
        let sealed = seal(&secret, b"purpose", [[7; 16], [8; 16]], b"content".to_vec()).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"content"));
        assert_eq!(open(&secret, b"purpose", sealed.clone()).as_deref(), Some(&b"content"[..]));
        assert_eq!(open(&another, b"purpose", sealed.clone()), None);
        assert_eq!(open(&secret, b"another", sealed.clone()), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&secret, b"purpose", changed), None, "byte {at}");
            assert_eq!(open(&secret, b"purpose", sealed[..at].to_vec()), None, "cut at {at}");
        }
    }
    #[test]
    fn a_digest_is_of_secret_purpose_and_content() {
        let (secret, another) = (Secret::new("secret".to_owned()), Secret::new("another".to_owned()));
        let of = |secret, purpose: &str, content: &str| {
            digest::<16>(secret, purpose.as_bytes(), content.as_bytes()).unwrap()
        };
        let expected = of(&secret, "purpose", "content");
        assert_eq!(of(&secret, "purpose", "content"), expected);
        for other in [
            of(&another, "purpose", "content"),
            of(&secret, "purposec", "ontent"),
            of(&secret, "purpos", "content"),
            of(&secret, "purpose", "contend"),
        ] {
            assert_ne!(other, expected);
        }
    }
}
