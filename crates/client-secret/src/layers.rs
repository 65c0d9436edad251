//! Decodes a text that is base64 or hex, possibly several times: with the line breaks, paddings, alphabets and
//! quotation marks in which they turn up.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// One more than the encodings that are found in each other: a Kubernetes manifest has base64 of a vault's base64.
const MAX_LAYERS: usize = 3;

/// Base64 that may lack its padding, or be cut off in the middle of a character.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The text itself, then what it decodes to, and so on.
pub(crate) fn of(text: &str) -> Vec<Vec<u8>> {
    let mut layers = vec![text.as_bytes().to_vec()];
    while layers.len() <= MAX_LAYERS
        && let Some(next) = layers.last().and_then(|layer| decoded(&as_text(layer)?))
    {
        layers.push(next);
    }
    layers
}

/// The text in bytes of UTF-8, or of UTF-16 if it is ASCII.
pub(crate) fn as_text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(&[0xff, 0xfe]).or_else(|| bytes.strip_prefix(&[0xfe, 0xff])).unwrap_or(bytes);
    String::from_utf8(bytes.iter().copied().filter(|byte| *byte != 0).collect()).ok()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = bare(text);
    // A data URL (RFC 2397).
    let text = text.split_once(";base64,").map_or(text, |(_, data)| data);
    let text = text.replace("\\r", "").replace("\\n", "");
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    hex(&digits).or_else(|| base64(&digits))
}

/// Without what surrounds a value by mistake.
pub(crate) fn bare(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || matches!(character, '"' | '\'' | '`' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\0')
    })
}

/// Hex with or without `0x` and with or without colons, if it is of a length that a key may have.
fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    const SHORTEST: usize = 32;
    let digits: Vec<u8> =
        digits.strip_prefix(b"0x").unwrap_or(digits).iter().copied().filter(|byte| *byte != b':').collect();
    if digits.len() < 2 * SHORTEST {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| {
            let pair =
                std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

/// Base64 or base64url (RFC 4648).
fn base64(digits: &[u8]) -> Option<Vec<u8>> {
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let mut digits: Vec<u8> = digits.iter().map(standard).collect();
    while digits.last() == Some(&b'=') {
        digits.pop();
    }
    // A single character holds no byte: the text was cut off.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    LENIENT.decode(digits).ok()
}
