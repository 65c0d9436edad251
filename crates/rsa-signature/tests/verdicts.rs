//! RS256 verification against test vectors, against two other implementations, and against what an attacker would try.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod smooth_key;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_simple::prelude::{NoCustomClaims, RS256PublicKey, RSAPublicKeyLike};
use rsa::{BigUint, pkcs1v15, signature::Verifier};
use rsa_signature::{KeyError, RsaPublicKey};
use sha2::{Digest, Sha256};
use smooth_key::{Random, SmoothKey, padded};

const SIZES: [usize; 3] = [2048, 3072, 4096];
const EXPONENTS: [u32; 2] = [3, 65537];

/// See `tests/data/wycheproof/README.md`.
#[test]
fn wycheproof_vectors_are_judged_as_expected() {
    let (mut key, mut peer, mut name, mut judged) = (None, None, "", [0, 0]);
    for line in include_str!("data/wycheproof/rs256.txt").lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["key", new_name, modulus, exponent] => {
                name = new_name;
                key = Some(RsaPublicKey::new(&bytes(modulus), &bytes(exponent)).unwrap());
                peer = Some(rsa_crate_key(&bytes(modulus), &bytes(exponent)));
            }
            [number, result, message, signature] => {
                let (message, signature) = (bytes(message), bytes(signature));
                let accepted = key.as_ref().unwrap().verify_sha256(&message, &signature);
                assert_eq!(accepted, result == "valid", "{name}, vector {number}");
                assert_eq!(accepted, rsa_crate_accepts(peer.as_ref().unwrap(), &message, &signature));
                judged[usize::from(accepted)] += 1;
            }
            _ => panic!("{line}"),
        }
    }
    assert_eq!(judged, [297, 32], "refused and accepted vectors");
}

#[test]
fn a_signature_is_accepted_for_its_message_and_key_only() {
    let random = &mut Random(1);
    for (bits, exponent) in all_kinds() {
        let (smooth, key) = new_key(bits, exponent, random);
        let (_, other_key) = new_key(bits, exponent, random);
        let peer = rsa_crate_key(&smooth.modulus_bytes(), &smooth.exponent_bytes());
        for length in [0, 1, 55, 56, 64, 1700] {
            let mut message = random.bytes(length);
            let signature = sign(&smooth, &message);
            assert!(key.verify_sha256(&message, &signature), "{bits} bits, exponent {exponent}, {length} bytes");
            assert!(rsa_crate_accepts(&peer, &message, &signature));
            assert!(!other_key.verify_sha256(&message, &signature));
            message.push(0);
            assert!(!key.verify_sha256(&message, &signature));
        }
    }
}

#[test]
fn jwt_simple_agrees_about_a_token_and_each_part_of_it() {
    let random = &mut Random(2);
    let (smooth, key) = new_key(2048, 65537, random);
    let peer = RS256PublicKey::from_components(&smooth.modulus_bytes(), &smooth.exponent_bytes()).unwrap();
    // {"alg":"RS256","typ":"JWT"} {"exp":33260000000}
    let signed = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjMzMjYwMDAwMDAwfQ";
    let signature = sign(&smooth, signed.as_bytes());
    let mut changed_signature = signature.clone();
    changed_signature[200] ^= 1;
    let changed = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjMzMjYwMDAwMDAxfQ";

    for (signed, signature, expected) in
        [(signed, &signature, true), (changed, &signature, false), (signed, &changed_signature, false)]
    {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(key.verify_sha256(signed.as_bytes(), signature), expected, "{token}");
        assert_eq!(peer.verify_token::<NoCustomClaims>(&token, None).is_ok(), expected, "{token}");
    }
}

#[test]
fn no_bit_of_a_signature_can_be_changed() {
    let random = &mut Random(3);
    for (bits, exponent, step) in [(2048, 3, 1), (2048, 65537, 37), (3072, 3, 37), (4096, 3, 37)] {
        let (smooth, key) = new_key(bits, exponent, random);
        let mut signature = sign(&smooth, b"message");
        for bit in (0..bits).step_by(step) {
            signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.verify_sha256(b"message", &signature), "{bits} bits, exponent {exponent}, bit {bit}");
            signature[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(key.verify_sha256(b"message", &signature));
    }
}

#[test]
fn no_bit_of_a_message_can_be_changed() {
    let (smooth, key) = new_key(2048, 3, &mut Random(4));
    let mut message = *b"eyJhbGciOiJSUzI1NiJ9.e30";
    let signature = sign(&smooth, &message);
    for bit in 0..8 * message.len() {
        message[bit / 8] ^= 1 << (bit % 8);
        assert!(!key.verify_sha256(&message, &signature), "bit {bit}");
        message[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_signature_must_be_as_long_as_the_modulus() {
    for (bits, exponent) in all_kinds() {
        let (smooth, key) = new_key(bits, exponent, &mut Random(5));
        let signature = sign(&smooth, b"message");
        let zero = vec![0];
        for wrong in [
            vec![],
            signature[1..].to_vec(),
            signature[..bits / 8 - 1].to_vec(),
            [&*zero, &signature].concat(),
            [&*signature, &zero].concat(),
            [&*signature, &signature].concat(),
        ] {
            assert!(!key.verify_sha256(b"message", &wrong), "{} of {} bytes", wrong.len(), bits / 8);
        }
    }
}

#[test]
fn a_signature_must_be_below_the_modulus() {
    let random = &mut Random(6);
    for (bits, exponent) in all_kinds() {
        let (smooth, key) = new_key(bits, exponent, random);
        let (message, signature, larger) = (0_u32..)
            .find_map(|counter| {
                let message = counter.to_be_bytes();
                let signature = sign(&smooth, &message);
                let larger = BigUint::from_bytes_be(&signature) + &smooth.modulus;
                (larger.bits() <= bits).then(|| (message, signature, padded(&larger, bits / 8)))
            })
            .unwrap();
        assert!(key.verify_sha256(&message, &signature));
        assert!(!key.verify_sha256(&message, &larger), "{bits} bits, exponent {exponent}");
    }
}

#[test]
fn numbers_whose_power_is_obvious_are_no_signatures() {
    for (bits, exponent) in all_kinds() {
        let (smooth, key) = new_key(bits, exponent, &mut Random(7));
        let one = BigUint::from(1_u32);
        let highest = (&one << bits) - &one;
        for number in [
            BigUint::default(),
            one.clone(),
            &smooth.modulus - &one,
            smooth.modulus.clone(),
            &smooth.modulus + &one,
            highest,
        ] {
            assert!(!key.verify_sha256(b"message", &padded(&number, bits / 8)), "{number:x}");
        }
    }
}

#[test]
fn each_byte_of_the_encoded_message_counts() {
    for (bits, step) in [(2048, 1), (3072, 19), (4096, 19)] {
        let (smooth, key) = new_key(bits, 3, &mut Random(8));
        let mut encoded = encode(b"message", bits / 8);
        // The highest byte stays zero: the number would not be below the modulus.
        for position in (1..encoded.len()).step_by(step) {
            encoded[position] ^= 0x40;
            let signature = smooth.root(&BigUint::from_bytes_be(&encoded));
            assert!(!key.verify_sha256(b"message", &signature), "{bits} bits, byte {position}");
            encoded[position] ^= 0x40;
        }
        assert!(key.verify_sha256(b"message", &smooth.root(&BigUint::from_bytes_be(&encoded))));
    }
}

#[test]
fn there_is_no_second_encoding_of_a_message() {
    let (smooth, key) = new_key(2048, 3, &mut Random(9));
    let encoded = encode(b"message", 256);
    let (padding, digest_info) = encoded.split_at(256 - 51);
    let hash = &digest_info[19..];
    let without_null = [&[0x30, 0x2f, 0x30, 0x0b][..], &digest_info[4..15], &[0x04, 0x20], hash].concat();
    let long_length = [&[0x30, 0x81, 0x31][..], &digest_info[2..]].concat();
    for (name, wrong) in [
        (
            "shorter padding and garbage behind (Bleichenbacher 2006)",
            [&padding[..8], &[0], digest_info, &[0xa5; 196]].concat(),
        ),
        ("shorter padding and garbage before", [&padding[..8], &[0], &[0xa5; 196], digest_info].concat()),
        ("no NULL parameters", [&padding[..204], &[0xff, 0xff, 0], &*without_null].concat()),
        ("a length in long form", [&padding[..203], &[0], &*long_length].concat()),
        ("the hash alone", [&padding[..204], &[0xff; 19], &[0], hash].concat()),
        ("block type 2", [&[0, 2], &encoded[2..]].concat()),
        ("block type 0", [&[0, 0], &encoded[2..]].concat()),
        ("nothing but the hash", [&[0; 224], hash].concat()),
    ] {
        assert_eq!(wrong.len(), 256, "{name}");
        assert!(!key.verify_sha256(b"message", &smooth.root(&BigUint::from_bytes_be(&wrong))), "{name}");
    }
}

#[test]
fn arbitrary_signatures_are_refused() {
    let random = &mut Random(10);
    for (bits, exponent) in all_kinds() {
        let (_, key) = new_key(bits, exponent, random);
        for length in [0, 1, 31, 32, 255, 256, 256, 256, 384, 384, 512, 512, 513] {
            assert!(!key.verify_sha256(&random.bytes(40), &random.bytes(length)), "{bits} bits, {length} bytes");
        }
    }
}

#[test]
fn other_keys_are_refused() {
    let (smooth, _) = new_key(2048, 65537, &mut Random(11));
    let modulus = smooth.modulus_bytes();
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut modulus = modulus.clone();
        change(&mut modulus);
        modulus
    };
    let f4 = &[1, 0, 1][..];
    for (modulus, exponent, expected) in [
        (changed(Vec::clear), f4, KeyError::ModulusSize),
        (vec![0x0f], f4, KeyError::ModulusSize),
        (vec![0xff; 128], f4, KeyError::ModulusSize),
        (vec![0xff; 255], f4, KeyError::ModulusSize),
        (vec![0xff; 257], f4, KeyError::ModulusSize),
        (vec![0xff; 1024], f4, KeyError::ModulusSize),
        (changed(|modulus| modulus[0] = 0x7f), f4, KeyError::ModulusSize),
        (changed(|modulus| modulus[0] = 0), f4, KeyError::LeadingZero),
        (changed(|modulus| modulus.insert(0, 0)), f4, KeyError::LeadingZero),
        (vec![0; 256], f4, KeyError::LeadingZero),
        (changed(|modulus| modulus[255] ^= 1), f4, KeyError::EvenModulus),
        (modulus.clone(), &[], KeyError::Exponent),
        (modulus.clone(), &[0], KeyError::Exponent),
        (modulus.clone(), &[1], KeyError::Exponent),
        (modulus.clone(), &[2], KeyError::Exponent),
        (modulus.clone(), &[17], KeyError::Exponent),
        (modulus.clone(), &[1, 0, 0], KeyError::Exponent),
        (modulus.clone(), &[0, 3], KeyError::Exponent),
        (modulus.clone(), &[0, 1, 0, 1], KeyError::Exponent),
        (modulus.clone(), &[1, 0, 1, 0], KeyError::Exponent),
        (modulus.clone(), &*modulus, KeyError::Exponent),
    ] {
        assert_eq!(RsaPublicKey::new(&modulus, exponent).unwrap_err(), expected, "{modulus:?}, {exponent:?}");
    }
}

fn all_kinds() -> impl Iterator<Item = (usize, u32)> {
    SIZES.into_iter().flat_map(|bits| EXPONENTS.map(|exponent| (bits, exponent)))
}

fn new_key(bits: usize, exponent: u32, random: &mut Random) -> (SmoothKey, RsaPublicKey) {
    let smooth = SmoothKey::new(bits, exponent, random);
    let key = RsaPublicKey::new(&smooth.modulus_bytes(), &smooth.exponent_bytes()).unwrap();
    (smooth, key)
}

fn sign(key: &SmoothKey, message: &[u8]) -> Vec<u8> {
    key.root(&BigUint::from_bytes_be(&encode(message, key.modulus_bytes().len())))
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2).
fn encode(message: &[u8], length: usize) -> Vec<u8> {
    let digest_info = bytes("3031300d060960864801650304020105000420");
    let hash = Sha256::digest(message);
    let padding = vec![0xff; length - 3 - digest_info.len() - hash.len()];
    [&[0, 1], &*padding, &[0], &*digest_info, &*hash].concat()
}

fn rsa_crate_key(modulus: &[u8], exponent: &[u8]) -> pkcs1v15::VerifyingKey<Sha256> {
    let [modulus, exponent] = [modulus, exponent].map(BigUint::from_bytes_be);
    pkcs1v15::VerifyingKey::new(rsa::RsaPublicKey::new(modulus, exponent).unwrap())
}

fn rsa_crate_accepts(key: &pkcs1v15::VerifyingKey<Sha256>, message: &[u8], signature: &[u8]) -> bool {
    pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)?.try_into().ok()).collect();
    digits.chunks_exact(2).map(|digits| 16 * digits[0] + digits[1]).collect()
}
