//! The text of a token, in as few bytes as it takes.
//!
//! Most tokens are JWTs: three parts in base64url (RFC 7515 section 3.1), which is a third longer than what it encodes. Nothing
//! here reads what the parts contain, because a token is opaque to those who only pass it on.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The text of a token.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum TokenText {
    /// What the three parts encode, one after the other, and where the second and the third begin.
    Parts { decoded: Box<[u8]>, begins: [u16; 2] },
    /// Any other text.
    Other(Box<str>),
}

/// The first byte of each form in the store.
const PARTS: u8 = b'3';
const OTHER: u8 = b'1';

impl TokenText {
    pub(super) fn new(text: &str) -> Self {
        Self::parts(text).unwrap_or_else(|| Self::Other(text.into()))
    }

    /// `None` unless the same text comes out again.
    fn parts(text: &str) -> Option<Self> {
        let mut decoded = Vec::with_capacity(text.len());
        let mut begins = [0; 2];
        let mut parts = text.split('.');
        for begin in &mut begins {
            URL_SAFE_NO_PAD.decode_vec(parts.next()?, &mut decoded).ok()?;
            *begin = decoded.len().try_into().ok()?;
        }
        URL_SAFE_NO_PAD.decode_vec(parts.next()?, &mut decoded).ok()?;
        if parts.next().is_some() {
            return None;
        }
        Some(Self::Parts { decoded: decoded.into(), begins })
    }

    /// The text, after `prefix`.
    pub(super) fn with_prefix(&self, prefix: &str) -> String {
        match self {
            Self::Other(text) => [prefix, text].concat(),
            Self::Parts { decoded, begins: [second, third] } => {
                let [second, third] = [*second, *third].map(usize::from);
                let mut text = String::with_capacity(prefix.len().saturating_add(decoded.len().saturating_mul(3) / 2));
                text.push_str(prefix);
                for (part, separator) in [(0..second, "."), (second..third, "."), (third..decoded.len(), "")] {
                    URL_SAFE_NO_PAD.encode_string(decoded.get(part).unwrap_or_default(), &mut text);
                    text.push_str(separator);
                }
                text
            }
        }
    }

    /// Its size, for caches that count bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Parts { decoded, .. } => decoded.len(),
            Self::Other(text) => text.len(),
        }
    }

    pub(super) fn to_record(&self) -> Vec<u8> {
        match self {
            Self::Parts { decoded, begins: [second, third] } => {
                [&[PARTS], &second.to_be_bytes()[..], &third.to_be_bytes(), decoded].concat()
            }
            Self::Other(text) => [&[OTHER], text.as_bytes()].concat(),
        }
    }

    pub(super) fn from_record(record: &[u8]) -> Option<Self> {
        match record.split_first()? {
            (&PARTS, rest) => {
                let (second, rest) = rest.split_first_chunk()?;
                let (third, decoded) = rest.split_first_chunk()?;
                let begins = [second, third].map(|begin| u16::from_be_bytes(*begin));
                let in_order = begins.is_sorted() && usize::from(begins[1]) <= decoded.len();
                in_order.then(|| Self::Parts { decoded: decoded.into(), begins })
            }
            (&OTHER, text) => Some(Self::Other(std::str::from_utf8(text).ok()?.into())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TokenText;

    #[test]
    fn every_text_comes_out_again() {
        for (text, bytes) in [
            ("eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhIn0.c2lnbmF0dXJl", 35),
            ("YQ.YQ.YQ", 3),
            ("..", 0),
            ("", 0),
            // Not the way in which these bytes are encoded.
            ("YR.YQ.YQ", 8),
            ("YQ==.YQ.YQ", 10),
            ("Y+.YQ.YQ", 8),
            ("Y.YQ.YQ", 7),
            // Not three parts.
            ("YQ.YQ", 5),
            ("YQ.YQ.YQ.YQ", 11),
            ("EwBwA8l6BAAU~opaque", 19),
        ] {
            let token = TokenText::new(text);
            assert_eq!((token.with_prefix(""), token.bytes()), (text.to_owned(), bytes));
            assert_eq!(token.with_prefix("Bearer "), format!("Bearer {text}"));
            assert!(TokenText::from_record(&token.to_record()) == Some(token), "{text}");
        }
    }

    #[test]
    fn records_of_no_token_are_none() {
        let record = TokenText::new("YWE.YWE.YWE").to_record();
        assert!(TokenText::from_record(&record).is_some());
        for record in [
            &b""[..],
            b"2",
            b"3",
            b"3\0\x02\0",
            b"3\0\x02\0\x01abc",
            b"3\0\0\0\x04abc",
            b"1\xff",
            &record[..record.len() - 3],
        ] {
            assert!(TokenText::from_record(record).is_none(), "{record:?}");
        }
    }
}
