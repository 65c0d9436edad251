//! Finding PEM (RFC 7468) in a text, however it was carried there.

use crate::layers;

const BEGIN: &str = "-----BEGIN ";

/// The PEM text that `text` is or contains: as it is, in base64, as UTF-16; with line breaks written as `\n` or lost,
/// with indented lines or empty lines, with other text before, between and after its blocks. The result's lines are
/// trimmed, and none is empty; the blocks are not decoded.
#[must_use]
pub fn pem(text: &str) -> Option<String> {
    layers::of(text)
        .iter()
        .filter_map(|layer| layers::as_text(layer))
        .map(|text| tidy(&text))
        .find(|text| text.contains(BEGIN))
}

fn tidy(text: &str) -> String {
    let ascii: String = text
        .replace("\\r", "")
        .replace("\\n", "\n")
        .chars()
        .filter_map(|character| match character {
            '\n' | '\r' => Some('\n'),
            space if space.is_whitespace() => Some(' '),
            other => other.is_ascii().then_some(other),
        })
        .collect();
    let lines: Vec<&str> = ascii.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}
