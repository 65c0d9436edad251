#![doc = include_str!("../README.md")]

mod layers;
mod not_a_secret;

mod binary;
mod mistakes;
mod pem;

use crate::mistakes::{JsonOf, json_of};

pub use crate::{
    not_a_secret::{JsonMember, NotASecret},
    pem::pem,
};

/// Far longer than any secret: Entra's own have at most 64 characters, and those that could once be chosen are passwords.
const MAX_CHARACTERS: usize = 256;

/// Accepts a text that can be a client secret.
///
/// # Errors
/// What the text is instead.
pub fn check(text: &str) -> Result<(), NotASecret> {
    match mistake(text) {
        Some(mistake) => Err(mistake),
        None => Ok(()),
    }
}

/// The most telling mistake: what the text is, before what is wrong with its characters.
fn mistake(text: &str) -> Option<NotASecret> {
    if text.is_empty() {
        return Some(NotASecret::Empty);
    }
    if pem(text).is_some() {
        return Some(NotASecret::Pem);
    }
    if mistakes::is_damaged_pem(text) {
        return Some(NotASecret::DamagedPem);
    }
    let layers = layers::of(text);
    if let Some(binary) = layers.iter().find_map(|layer| binary::kind(layer)) {
        return Some(binary);
    }
    if let Some(json) = layers.iter().find_map(|layer| json_of(layer)) {
        return Some(match json {
            JsonOf::Key => NotASecret::Jwk,
            JsonOf::Secret(member) => NotASecret::Json(member),
        });
    }
    mistakes::of(text).or_else(|| unsendable(text))
}

/// A client secret consists of printable ASCII (RFC 6749 appendix A.2).
fn unsendable(text: &str) -> Option<NotASecret> {
    if text.contains('\0') {
        return Some(NotASecret::NullCharacters);
    }
    if text.trim_ascii() != text || text.contains(['\n', '\r', '\t']) {
        return Some(NotASecret::Whitespace);
    }
    if text.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        return Some(NotASecret::Unprintable);
    }
    (text.len() > MAX_CHARACTERS).then_some(NotASecret::TooLong)
}

#[cfg(test)]
mod tests;
