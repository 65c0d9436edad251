//! Tokens with valid contents and wrong signatures.

use emulated_tenant::{Forgery, Signing};

use super::case::{Cases, Expected, encoded};

/// The length of an RS256 signature with a key of 2,048 bits.
const BYTES: usize = 256;

pub(super) fn add(cases: &mut Cases<'_>) {
    cases.kind("signatures", Expected::INVALID_TOKEN);
    for bit in (0..BYTES * 8).step_by(13) {
        changed(cases, format!("bit {bit} turned"), move |signature| {
            if let Some(byte) = signature.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        });
    }
    for length in (0..BYTES).step_by(5).chain([1, 2, 127, 128, 254]) {
        changed(cases, format!("cut to {length} bytes"), move |signature| signature.truncate(length));
    }
    for extra in [1_usize, 2, 8, 128, 256] {
        changed(cases, format!("{extra} bytes 0 behind"), move |signature| signature.extend(vec![0; extra]));
        changed(cases, format!("{extra} bytes 0 before"), move |signature| {
            signature.splice(0..0, vec![0; extra]);
        });
    }
    changed(cases, "reversed".into(), |signature| signature.reverse());
    changed(cases, "without its first byte, a 0 behind".into(), |signature| signature.rotate_left(1));
    for byte in [0, 1, 0x7f, 0x80, 0xff] {
        changed(cases, format!("all bytes {byte}"), move |signature| signature.fill(byte));
    }
    for number in [1_u8, 2, 3] {
        changed(cases, format!("the number {number}"), move |signature| {
            signature.fill(0);
            if let Some(last) = signature.last_mut() {
                *last = number;
            }
        });
    }
    for (name, signing) in [
        ("another key, the right kid", Signing::ForgedKey),
        ("another key, its own kid", Signing::UnknownKey),
        ("the key for personal accounts", Signing::MicrosoftAccountKey),
        ("no signature", Signing::Missing),
    ] {
        cases.planned(name, move |plan| plan.signing = signing);
    }
    for (name, forger) in FORGERIES {
        cases.planned(name, move |plan| plan.forger = Some(Box::new(forger)));
    }
    for (name, block) in blocks() {
        cases.planned(name, move |plan| plan.forger = Some(Box::new(move |forgery| forgery.raw(&block(forgery)))));
    }
    of_other_messages(cases);
}

fn changed(cases: &mut Cases<'_>, name: String, change: impl FnOnce(&mut Vec<u8>) + Send + 'static) {
    cases.planned(name, move |plan| {
        plan.forger = Some(Box::new(move |forgery| {
            let mut signature = forgery.right();
            change(&mut signature);
            signature
        }));
    });
}

/// A valid signature of something else.
fn of_other_messages(cases: &mut Cases<'_>) {
    for (name, part) in [("of the header alone", 0), ("of the claims alone", 1)] {
        cases.planned(name, move |plan| {
            plan.forger = Some(Box::new(move |forgery| {
                let part = forgery.message().split(|byte| *byte == b'.').nth(part).map(<[u8]>::to_vec);
                forgery.right_for(&part.unwrap_or_default())
            }));
        });
    }
    for (name, suffix) in [("of the message and a dot", "."), ("of the message and a line break", "\n")] {
        cases.planned(name, move |plan| {
            plan.forger =
                Some(Box::new(move |forgery| forgery.right_for(&[forgery.message(), suffix.as_bytes()].concat())));
        });
    }
    let right = cases.right_token();
    let (message, signature) = right.rsplit_once('.').unwrap_or_default();
    let (header, claims) = message.split_once('.').unwrap_or_default();
    let others = cases.parts(2);
    for (claim, value) in [("oid", "00000000-0000-0000-0000-000000000001"), ("scp", "admin"), ("name", "Eve")] {
        let mut claims = others.claims.clone();
        claims.insert(claim.to_owned(), value.into());
        let claims = encoded(serde_json::Value::Object(claims).to_string().as_bytes());
        cases.token(format!("of a token with another {claim}"), &format!("{header}.{claims}.{signature}"));
    }
    cases.token("of the parts exchanged", &format!("{claims}.{header}.{signature}"));
}

type Forge = fn(&Forgery<'_>) -> Vec<u8>;

const FORGERIES: [(&str, Forge); 8] = [
    ("a key of 1,024 bits, the right kid", |forgery| forgery.by_short_key()),
    ("the right one plus the modulus", |forgery| forgery.shifted_by_modulus(1)),
    ("the right one plus twice the modulus", |forgery| forgery.shifted_by_modulus(2)),
    ("the modulus minus the right one", |forgery| forgery.negative()),
    ("the modulus", |forgery| forgery.modulus()),
    ("PS256", |forgery| forgery.ps256()),
    ("the digest itself", |forgery| forgery.digest(256)),
    ("the padded block itself", |forgery| block(0xff, 202, &[PREFIX, &forgery.digest(256)].concat())),
];

/// `DigestInfo` of SHA-256 up to the digest (RFC 8017 section 9.2, note 1).
const PREFIX: &[u8] =
    &[0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
const PREFIX_SHA384: &[u8] =
    &[0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30];
const PREFIX_SHA512: &[u8] =
    &[0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40];
const PREFIX_SHA1: &[u8] = &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
/// The same without the parameters NULL, and with lengths in long form.
const PREFIX_WITHOUT_NULL: &[u8] =
    &[0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x04, 0x20];
const PREFIX_LONG_FORM: &[u8] = &[
    0x30, 0x81, 0x32, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
    0x81, 0x20,
];

/// `00 01 <padding> 00 <content>` of EMSA-PKCS1-v1_5, with zeros at the end if it is short.
fn block(padding: u8, length: usize, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0, 1];
    block.resize(2 + length, padding);
    block.push(0);
    block.extend_from_slice(content);
    block.resize(BYTES, 0);
    block
}

/// The padding that fills a block with this content.
fn filled(content: &[u8]) -> Vec<u8> {
    block(0xff, BYTES.saturating_sub(3 + content.len()), content)
}

type Block = fn(&Forgery<'_>) -> Vec<u8>;

/// Blocks that lenient checks of the padding are known to accept, each signed with the right key.
fn blocks() -> Vec<(&'static str, Block)> {
    vec![
        ("SHA-1 under RS256", |forgery| filled(&[PREFIX_SHA1, &forgery.digest(1)].concat())),
        ("SHA-384 under RS256", |forgery| filled(&[PREFIX_SHA384, &forgery.digest(384)].concat())),
        ("SHA-512 under RS256", |forgery| filled(&[PREFIX_SHA512, &forgery.digest(512)].concat())),
        ("SHA-1 said to be SHA-256", |forgery| filled(&[PREFIX, &forgery.digest(1), &[0; 12][..]].concat())),
        ("no NULL", |forgery| filled(&[PREFIX_WITHOUT_NULL, &forgery.digest(256)].concat())),
        ("lengths in long form", |forgery| filled(&[PREFIX_LONG_FORM, &forgery.digest(256)].concat())),
        ("no DigestInfo", |forgery| filled(&forgery.digest(256))),
        ("short padding, zeros behind", |forgery| block(0xff, 8, &[PREFIX, &forgery.digest(256)].concat())),
        ("no padding, zeros behind", |forgery| block(0xff, 0, &[PREFIX, &forgery.digest(256)].concat())),
        ("short padding, digest at the end, garbage within", |forgery| {
            let mut block = block(0xff, 8, PREFIX);
            let digest = forgery.digest(256);
            block.truncate(BYTES - digest.len());
            [block, digest].concat()
        }),
        ("padding of zeros", |forgery| block(0, 202, &[PREFIX, &forgery.digest(256)].concat())),
        ("padding of 0xfe", |forgery| block(0xfe, 202, &[PREFIX, &forgery.digest(256)].concat())),
        ("block type 2", |forgery| replaced(forgery, 1, 2)),
        ("block type 0", |forgery| replaced(forgery, 1, 0)),
        ("first byte 1", |forgery| replaced(forgery, 0, 1)),
        ("no separator", |forgery| replaced(forgery, 204, 0xff)),
        ("a separator too early", |forgery| replaced(forgery, 100, 0)),
        ("one bit of the digest", |forgery| {
            let mut block = filled(&[PREFIX, &forgery.digest(256)].concat());
            if let Some(last) = block.last_mut() {
                *last ^= 1;
            }
            block
        }),
        ("the digest reversed", |forgery| {
            let reversed: Vec<u8> = forgery.digest(256).into_iter().rev().collect();
            filled(&[PREFIX, &reversed].concat())
        }),
        ("half the digest", |forgery| {
            let digest = forgery.digest(256);
            filled(&[PREFIX, digest.get(..16).unwrap_or_default()].concat())
        }),
        ("an empty digest", |_| filled(PREFIX)),
        ("another object identifier", |forgery| replaced(forgery, 219, 0x05)),
        ("zero", |_| vec![0; BYTES]),
        ("one", |_| [vec![0; BYTES - 1], vec![1]].concat()),
    ]
}

/// The right block with one byte replaced.
fn replaced(forgery: &Forgery<'_>, at: usize, byte: u8) -> Vec<u8> {
    let mut block = filled(&[PREFIX, &forgery.digest(256)].concat());
    if let Some(place) = block.get_mut(at) {
        *place = byte;
    }
    block
}
