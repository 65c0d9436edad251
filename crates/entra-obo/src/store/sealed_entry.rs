//! Entries of the shared store, sealed.
//!
//! The store may be read and written by others, so an entry is encrypted and authenticated (ChaCha20-Poly1305, RFC
//! 8439) under a key derived (HKDF-SHA256, RFC 5869) from something that others do not have, and bound to its purpose.
//! An entry that does not open counts as missing.

use chacha20poly1305::{
    AeadInPlace, ChaCha20Poly1305, KeyInit, Nonce, Tag,
    aead::generic_array::{GenericArray, typenum::Unsigned},
};
use hkdf::Hkdf;
use sha2::Sha256;

/// Changes whenever the form of an entry does, so that entries of another release are misses.
const FORM: &[u8] = b"profile-get sealed entry 2";

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = <ChaCha20Poly1305 as chacha20poly1305::AeadCore>::TagSize::USIZE;

/// Seals `content` under a key derived from `secret`, for `purpose` only.
///
/// `random` must be fresh: a key sees few entries, each under a nonce of its own.
#[must_use]
pub fn seal(secret: &[u8], purpose: &[u8], random: [u8; 16], content: &[u8]) -> Option<Vec<u8>> {
    let nonce = random.first_chunk::<NONCE_BYTES>()?;
    let mut entry = Vec::with_capacity(NONCE_BYTES.saturating_add(TAG_BYTES).saturating_add(content.len()));
    entry.extend_from_slice(nonce);
    entry.extend_from_slice(&[0; TAG_BYTES]);
    entry.extend_from_slice(content);
    let (head, sealed) = entry.split_at_mut_checked(NONCE_BYTES.saturating_add(TAG_BYTES))?;
    let tag = cipher(secret, purpose)?.encrypt_in_place_detached(Nonce::from_slice(nonce), purpose, sealed).ok()?;
    head.get_mut(NONCE_BYTES..)?.copy_from_slice(&tag);
    Some(entry)
}

/// Opens an entry; `None` unless it was sealed under the same secret for the same purpose and is untouched.
#[must_use]
pub fn open(secret: &[u8], purpose: &[u8], mut entry: Vec<u8>) -> Option<Vec<u8>> {
    let (nonce, rest) = entry.split_first_chunk_mut::<NONCE_BYTES>()?;
    let (tag, sealed) = rest.split_first_chunk_mut::<TAG_BYTES>()?;
    cipher(secret, purpose)?
        .decrypt_in_place_detached(Nonce::from_slice(nonce), purpose, sealed, Tag::from_slice(tag))
        .ok()?;
    entry.drain(..NONCE_BYTES.saturating_add(TAG_BYTES));
    Some(entry)
}

fn cipher(secret: &[u8], purpose: &[u8]) -> Option<ChaCha20Poly1305> {
    let mut key = GenericArray::default();
    Hkdf::<Sha256>::new(Some(FORM), secret).expand(purpose, &mut key).ok()?;
    Some(ChaCha20Poly1305::new(&key))
}

#[cfg(test)]
mod tests {
    use super::{open, seal};

    #[test]
    fn an_entry_opens_for_its_holder_alone() {
        let entry = seal(b"secret", b"purpose", [7; 16], b"content").unwrap();
        assert!(!entry.windows(7).any(|window| window == b"content"));
        assert_eq!(open(b"secret", b"purpose", entry.clone()).as_deref(), Some(&b"content"[..]));
        assert_eq!(open(b"another", b"purpose", entry.clone()), None);
        assert_eq!(open(b"secret", b"another", entry.clone()), None);
        for at in 0..entry.len() {
            let mut changed = entry.clone();
            changed[at] ^= 1;
            assert_eq!(open(b"secret", b"purpose", changed), None, "byte {at}");
            assert_eq!(open(b"secret", b"purpose", entry[..at].to_vec()), None, "cut at {at}");
        }
    }
}
