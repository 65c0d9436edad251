//! Request targets that mean the same to the policy and to every program behind it. All others are refused: a target that
//! two programs read differently can reach a path that was not judged.

/// How many nested percent-encodings are undone. Legitimate clients do not nest deeper.
const MAX_ENCODINGS: usize = 4;

/// A target in origin form (RFC 9112 section 3.2.1) without anything that servers resolve differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlainTarget<'a> {
    /// The path, which begins with a slash.
    pub(crate) path: &'a str,
    /// What follows the `?`, if there is one.
    pub(crate) query: Option<&'a str>,
}

/// What is wrong with a target, as the caller learns it.
pub(crate) type PathFault = &'static str;

impl<'a> PlainTarget<'a> {
    /// Judges a target.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn judge(target: &'a str) -> Result<Self, PathFault> {
        if target.bytes().any(|byte| !matches!(byte, 0x21..=0x7e) || matches!(byte, b'#' | b'\\')) {
            return Err("The request's target has a character that no target has.");
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        if !path.starts_with('/') {
            return Err("The request's target does not begin with a slash.");
        }
        if path.contains("//") {
            return Err("The request's path has an empty segment.");
        }
        let mut text = path.as_bytes().to_vec();
        for depth in 0..=MAX_ENCODINGS {
            judge_segments(&text)?;
            let (decoded, is_encoding) = decode(&text);
            if !is_encoding && depth == 0 {
                return Err("The request's path has a % that encodes nothing.");
            }
            if decoded == text {
                return Ok(Self { path, query });
            }
            if separators(&decoded) != separators(&text) {
                return Err("The request's path has an encoded slash.");
            }
            if decoded.iter().any(|byte| matches!(byte, 0..=0x1f | 0x7f)) {
                return Err("The request's path has an encoded control character.");
            }
            text = decoded;
        }
        Err("The request's path is encoded several times.")
    }

    /// Whether all programs read the path alike: nothing in it is encoded, and no segment has parameters.
    #[must_use]
    pub(crate) fn is_literal(&self) -> bool {
        !self.path.contains(['%', ';'])
    }
}

/// Refuses dot segments (RFC 3986 section 5.2.4), also those followed by parameters, which some servers remove.
fn judge_segments(path: &[u8]) -> Result<(), PathFault> {
    let is_dots = |segment: &[u8]| {
        let name = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        matches!(name, b"." | b"..")
    };
    if path.split(|byte| *byte == b'/').any(is_dots) {
        Err("The request's path has a segment of dots.")
    } else {
        Ok(())
    }
}

fn separators(path: &[u8]) -> usize {
    path.iter().filter(|byte| matches!(byte, b'/' | b'\\')).count()
}

/// Undoes one percent-encoding, and says whether each `%` had two hexadecimal digits. One that has not is left as it is: some
/// programs do so.
fn decode(text: &[u8]) -> (Vec<u8>, bool) {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let byte = |high, low| u8::try_from(digit(high)?.saturating_mul(16).saturating_add(digit(low)?)).ok();
    let (mut decoded, mut is_encoding) = (Vec::with_capacity(text.len()), true);
    let mut rest = text;
    loop {
        let of_two = match rest {
            [b'%', high, low, after @ ..] => byte(high, low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = match (of_two, rest) {
            (Some(of_two), _) => of_two,
            (None, [byte, after @ ..]) => {
                is_encoding &= *byte != b'%';
                (*byte, after)
            }
            (None, []) => return (decoded, is_encoding),
        };
        decoded.push(byte);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::PlainTarget;

    #[test]
    fn plain_targets_pass_as_they_are() {
        for (target, path, query) in [
            ("/", "/", None),
            ("/a/b/", "/a/b/", None),
            ("/a?b=/../c", "/a", Some("b=/../c")),
            ("/a?", "/a", Some("")),
            ("/a%20b/%C3%A9", "/a%20b/%C3%A9", None),
            ("/100%25", "/100%25", None),
            ("/100%25%20sure", "/100%25%20sure", None),
            ("/a;v=1/b", "/a;v=1/b", None),
            ("/.well-known/x", "/.well-known/x", None),
            ("/a..b/...", "/a..b/...", None),
        ] {
            assert_eq!(PlainTarget::judge(target), Ok(PlainTarget { path, query }), "{target}");
        }
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        for target in [
            "",
            "*",
            "a",
            "http://x/a",
            "//x/a",
            "/a//b",
            "/../a",
            "/a/..",
            "/a/./b",
            "/a/.",
            "/a/..;/b",
            "/a/.;x/b",
            "/a\\b",
            "/a#b",
            "/a b",
            "/a\u{e9}",
            "/a\tb",
            "/%2e%2e/a",
            "/a/%2E/b",
            "/a/.%2e",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%5Cb",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%252fb",
            "/%252e%252e/a",
            "/a%255cb",
            "/a%25252fb",
            "/%25zz%252f..%252fb",
            "/%25%252e%252e%252fb",
            "/a%2525252525252fb",
            "/a/..%3b/b",
            "/%u002e%u002e/a",
        ] {
            assert!(PlainTarget::judge(target).is_err(), "{target}");
        }
    }

    #[test]
    fn only_literal_paths_can_be_public() {
        for (target, is_literal) in [("/a/b.css?c=%2f", true), ("/a%20b", false), ("/a;b", false)] {
            assert_eq!(PlainTarget::judge(target).unwrap().is_literal(), is_literal, "{target}");
        }
    }
}
