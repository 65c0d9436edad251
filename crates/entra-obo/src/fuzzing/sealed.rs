//! Entries of the shared store, which others can write.

use super::input::lines;
use crate::store::sealed_entry::{open, seal};

/// Someone else's entry; or a purpose, the byte to change, and the content to seal.
pub(super) fn sealed_entry(data: &[u8]) {
    assert_eq!(open(b"secret", b"purpose", data.to_vec()), None);
    let [purpose, position, content] = lines(data);
    let mut entry = seal(b"secret", purpose, [7; 16], content).unwrap();
    assert_eq!(open(b"secret", purpose, entry.clone()).as_deref(), Some(content));
    assert_eq!(open(b"another", purpose, entry.clone()), None);
    assert_eq!(open(b"secret", &[purpose, b"+"].concat(), entry.clone()), None);
    let at = position.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(*byte)) % entry.len();
    entry[at] ^= 1 << (at % 8);
    assert_eq!(open(b"secret", purpose, entry.clone()), None);
    entry.truncate(at);
    assert_eq!(open(b"secret", purpose, entry), None);
}
