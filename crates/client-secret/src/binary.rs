//! Binary forms of keys and certificates, recognised by the structure with which each of them begins.
//!
//! Lengths need not be right, so that a truncated file is recognised too. Required are thirty bits or more in fixed
//! places, which a random secret does not have.

use crate::not_a_secret::NotASecret;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const VERSION_OF_CERTIFICATE: u8 = 0xa0;

/// The identifiers that begin with 1.2.840.113549.1.7: PKCS#7.
const PKCS7: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];

/// No modulus of an RSA key is shorter, in bytes.
const SHORTEST_MODULUS: usize = 64;

/// What the bytes are, if they are one of the forms in which keys and certificates are kept.
pub(crate) fn kind(bytes: &[u8]) -> Option<NotASecret> {
    // JKS and JCEKS.
    if bytes.starts_with(&[0xfe, 0xed, 0xfe, 0xed]) || bytes.starts_with(&[0xce, 0xce, 0xce, 0xce]) {
        return Some(NotASecret::JavaKeyStore);
    }
    if bytes.starts_with(b"openssh-key-v1\0") {
        return Some(NotASecret::SshKey);
    }
    let outer = Element::parse(bytes).filter(|outer| outer.tag == SEQUENCE)?;
    let first = Element::parse(outer.content)?;
    let second = Element::parse(first.rest);
    let of_second = second.and_then(|second| Element::parse(second.content));
    let of_first = Element::parse(first.content);
    let has_algorithm = |inner: Option<Element<'_>>| inner.is_some_and(|inner| inner.tag == OBJECT_IDENTIFIER);

    match (first.tag, second.map(|second| second.tag)) {
        // PFX of RFC 7292 section 4: version 3, then a ContentInfo.
        (INTEGER, Some(SEQUENCE))
            if first.content == [3] && of_second.is_some_and(|id| id.content.starts_with(&PKCS7)) =>
        {
            Some(NotASecret::Pkcs12)
        }
        // OneAsymmetricKey of RFC 5958.
        (INTEGER, Some(SEQUENCE)) if matches!(first.content, [0 | 1]) && has_algorithm(of_second) => {
            Some(NotASecret::Der)
        }
        // RSAPrivateKey and RSAPublicKey of RFC 8017 appendix A.1.
        (INTEGER, Some(INTEGER))
            if first.content.len() >= SHORTEST_MODULUS
                || first.content == [0] && second.is_some_and(|second| second.content.len() >= SHORTEST_MODULUS) =>
        {
            Some(NotASecret::Der)
        }
        // ECPrivateKey of RFC 5915: the key, then perhaps its curve.
        (INTEGER, Some(OCTET_STRING)) if first.content == [1] && bytes.len() > 24 => Some(NotASecret::Der),
        // SubjectPublicKeyInfo of RFC 5280, EncryptedPrivateKeyInfo of RFC 5958.
        (SEQUENCE, Some(BIT_STRING | OCTET_STRING)) if has_algorithm(of_first) => Some(NotASecret::Der),
        // Certificate, CertificationRequest: what is signed, then the algorithm.
        (SEQUENCE, Some(SEQUENCE)) if has_algorithm(of_second) => Some(NotASecret::Der),
        (SEQUENCE, _)
            if of_first
                .is_some_and(|version| version.tag == VERSION_OF_CERTIFICATE && version.content == [2, 1, 2]) =>
        {
            Some(NotASecret::Der)
        }
        (OBJECT_IDENTIFIER, _) if first.content.starts_with(&PKCS7) => Some(NotASecret::Der),
        _ => None,
    }
}

/// An element of BER or DER (X.690) whose content may be cut off.
#[derive(Clone, Copy)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, bytes) = bytes.split_first()?;
        let (&length, bytes) = bytes.split_first()?;
        let (length, bytes) = match length {
            0..=0x7f => (usize::from(length), bytes),
            // Up to an end mark (BER): everything that is left.
            0x80 => (bytes.len(), bytes),
            0x81..=0x84 => {
                let (length, bytes) = bytes.split_at_checked(usize::from(length & 0x7f))?;
                (length.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte)), bytes)
            }
            _ => return None,
        };
        let (content, rest) = bytes.split_at(length.min(bytes.len()));
        Some(Self { tag, content, rest })
    }
}
