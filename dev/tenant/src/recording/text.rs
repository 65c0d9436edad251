//! Replaces the variable parts of a text: ids, times, addresses.

use std::{borrow::Cow, sync::LazyLock};

use regex_lite::{Captures, Regex};

use crate::directory::well_known::{GRAPH_CLIENT_ID, MICROSOFT_ACCOUNT_TENANT};

/// Ids that are the same in every tenant.
const WELL_KNOWN: [&str; 3] = [MICROSOFT_ACCOUNT_TENANT, GRAPH_CLIENT_ID, "00000000-0000-0000-0000-000000000000"];

static GUID: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"));
static VERSION: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b[0-9a-f]{32}\b"));
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    let iso = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?";
    let http = r"[A-Z][a-z]{2}, \d\d[ -][A-Z][a-z]{2}[ -]\d{4} \d\d:\d\d:\d\d GMT";
    pattern(&format!("{iso}|{http}"))
});
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"));
static DESCRIPTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)^(AADSTS\d+: |AKV\d+: )?.*?(\s*)(Trace ID: .*)?$"));

#[expect(clippy::expect_used, reason = "the patterns are constants, and each is used by a test")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is well-formed")
}

/// Ids, versions and times by their kind.
pub(super) fn typed(text: &str) -> String {
    let text = TIME.replace_all(text, "<time>");
    let text = GUID.replace_all(&text, |found: &Captures<'_>| id_kind(found).to_string());
    VERSION.replace_all(&text, "<version>").into_owned()
}

/// The same, and IP addresses and Unix times, which are values of claims.
pub(super) fn typed_claim(text: &str) -> String {
    if (9..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return "<unix-time>".to_owned();
    }
    ADDRESS.replace_all(&typed(text), "<address>").into_owned()
}

/// Words for people, without the words: the code before them and the ids behind them.
pub(super) fn without_words(text: &str) -> String {
    let found = DESCRIPTION.captures(text);
    let part = |index| found.as_ref().and_then(|found| found.get(index)).map_or("", |part| part.as_str());
    format!("{}<words>{}{}", part(1), part(2), typed(part(3)))
}

/// Whether an id of this tenant, or of a moment, is left in a text.
pub(super) fn has_id(text: &str) -> bool {
    GUID.find_iter(text).any(|found| !WELL_KNOWN.contains(&found.as_str()))
}

fn id_kind<'t>(found: &Captures<'t>) -> Cow<'t, str> {
    let id = found.get(0).map_or("", |found| found.as_str());
    if WELL_KNOWN.contains(&id) { Cow::Borrowed(id) } else { Cow::Borrowed("<guid>") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_times_are_told_from_the_rest() {
        for (text, expected) in [
            ("a 47a23f57-3717-4857-8fab-b3485aeba800 b", "a <guid> b"),
            ("https://x/47A23F57-3717-4857-8FAB-B3485AEBA800/y", "https://x/<guid>/y"),
            (GRAPH_CLIENT_ID, GRAPH_CLIENT_ID),
            ("2021-10-29 17:16:31Z", "<time>"),
            ("2021-10-29T17:16:30", "<time>"),
            ("'2021-10-29T17:06:26.4084709Z'", "'<time>'"),
            ("Fri, 29 Oct 2021 17:16:30 GMT", "<time>"),
            ("fpc=x; expires=Sun, 28-Nov-2021 17:16:31 GMT; path=/", "fpc=x; expires=<time>; path=/"),
            ("https://v/secrets/n/4bfbba74b2104886959a8dc7f956cd68", "https://v/secrets/n/<version>"),
            ("2.1.12171.14 1635527790", "2.1.12171.14 1635527790"),
        ] {
            assert_eq!(typed(text), expected);
        }
        assert_eq!(typed_claim("1635527790"), "<unix-time>");
        assert_eq!(typed_claim("203.0.113.7"), "<address>");
    }

    #[test]
    fn words_go_and_what_frames_them_stays() {
        let tail = "Trace ID: 47a23f57-3717-4857-8fab-b3485aeba800";
        for (text, expected) in [
            (format!("AADSTS50173: One. Two: three. {tail}"), "AADSTS50173: <words> Trace ID: <guid>"),
            (format!("AADSTS50173: One.\r\n{tail}"), "AADSTS50173: <words>\r\nTrace ID: <guid>"),
            (format!("AADSTS50173: One.{tail}"), "AADSTS50173: <words>Trace ID: <guid>"),
            ("AKV10000: No token.".to_owned(), "AKV10000: <words>"),
            ("There is no photo.".to_owned(), "<words>"),
        ] {
            assert_eq!(without_words(&text), expected);
        }
    }
}
