//! The verdict on any key, message and signature is that of the `rsa` crate; and signatures that must be good are.
//!
//! Good signatures come without a private key. For the exponent 3, `signature^3 - encoded message` is a modulus for which
//! the number is a signature of the message, as long as it has the right size and is odd.

use num_bigint::BigUint;
use rsa::{pkcs1v15, signature::Verifier};
use rsa_signature::RsaPublicKey;
use sha2::{Digest, Sha256};

/// Which size and which byte to change, two bytes; a seed of a third of the size; and the message.
pub(crate) fn rsa_signature(data: &[u8]) {
    let [selector, change, rest @ ..] = data else { return };
    let bits = [2048, 3072, 4096][usize::from(*selector % 3)];
    let Some((seed, message)) = rest.split_at_checked(bits / 24) else { return };

    let encoded = encode(message, bits / 8);
    let least = ((BigUint::from(1_u8) << (bits - 1)) + &encoded).cbrt() + 1_u8;
    let most = ((BigUint::from(1_u8) << bits) - 1_u8).cbrt() - 1_u8;
    let mut signature = &least + BigUint::from_bytes_be(seed) % (most - &least);
    if signature.bit(0) == encoded.bit(0) {
        signature += 1_u8;
    }
    let modulus = signature.pow(3) - &encoded;

    let good = padded(&signature, bits / 8);
    assert_eq!(verdict(&modulus, &[3], message, &good), Some(true));
    let mut changed = good.clone();
    let position = usize::from(*change) * 8 % bits / 8;
    changed[position] ^= 1 << (selector >> 5);
    assert_eq!(verdict(&modulus, &[3], message, &changed), Some(false));
    assert_eq!(verdict(&modulus, &[1, 0, 1], message, &good), Some(false));
    verdict(&modulus, &[1, 0, 1], message, rest);
    verdict(&BigUint::from_bytes_be(rest), &[3], message, &good);
}

/// Whether a key accepts a signature, on which both must agree; or nothing for keys that ours does not take.
fn verdict(modulus: &BigUint, exponent: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
    let key = RsaPublicKey::new(&modulus.to_bytes_be(), exponent).ok()?;
    let accepted = key.verify_sha256(message, signature);

    let [modulus, exponent] = [&*modulus.to_bytes_be(), exponent].map(rsa::BigUint::from_bytes_be);
    let peer = pkcs1v15::VerifyingKey::<Sha256>::new(rsa::RsaPublicKey::new(modulus, exponent).unwrap());
    let peer_accepted =
        pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| peer.verify(message, &signature).is_ok());
    assert_eq!(accepted, peer_accepted);
    Some(accepted)
}

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2).
fn encode(message: &[u8], length: usize) -> BigUint {
    let digest_info = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let hash = Sha256::digest(message);
    let padding = vec![0xff; length - 3 - digest_info.len() - hash.len()];
    BigUint::from_bytes_be(&[&[0, 1], &*padding, &[0], digest_info, &*hash].concat())
}

fn padded(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    [vec![0; length - bytes.len()], bytes].concat()
}
