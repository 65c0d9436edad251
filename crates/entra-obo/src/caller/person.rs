//! Who a token is about, for counting and for remembering.

use uuid::Uuid;

/// SHA-256 of the signed part of a token, for which a key has exactly one signature.
pub type AssertionDigest = [u8; 32];

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Person {
    /// One person of one directory.
    Known {
        /// `tid`
        tenant_id: Uuid,
        /// `oid`
        object_id: Uuid,
    },
    /// The bearers of one token that does not name its person.
    Bearer(AssertionDigest),
}
