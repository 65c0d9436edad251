//! Searches for tokens and secrets: in plain text, base64, base64url, hexadecimal and URL-encoded.
//!
//! Each form of each secret is cut into windows of [`WINDOW`] bytes, one every [`STRIDE`] bytes, and every position of
//! a text is compared with all of them at once. So even a part of a secret is found if it has [`STRIDE`] + [`WINDOW`]
//! bytes.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use anyhow::{Context, Result};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

const WINDOW: usize = 16;
const STRIDE: usize = 48;
/// The size of the table that rules out most windows of a text without a lookup in the map.
const FILTER: usize = 1 << 22;

/// The secrets to search for.
#[derive(Default)]
pub(super) struct Secrets {
    windows: HashMap<[u8; WINDOW], Found>,
    filter: Vec<bool>,
    seen: BTreeSet<u64>,
    count: usize,
}

/// What a window belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    kind: &'static str,
    form: &'static str,
}

/// The results of the search.
#[derive(Debug, Default)]
pub(super) struct LeakReport {
    pub(super) secrets: usize,
    pub(super) bytes: usize,
    /// How many forms of a planted secret were found, and how many were planted.
    pub(super) planted: (usize, usize),
    pub(super) leaks: Vec<String>,
}

impl Secrets {
    /// Adds a secret of `kind`. It must not be shorter than a window; there are no such secrets.
    pub(super) fn add(&mut self, kind: &'static str, secret: &[u8]) {
        if secret.len() < WINDOW || !self.seen.insert(fingerprint(secret)) {
            return;
        }
        self.count += 1;
        for (form, text) in forms(secret) {
            self.add_windows(Found { kind, form }, &text);
        }
    }

    /// Adds a JWT: its claims and its signature, encoded and decoded. Its header is not secret. Anything else is added
    /// as a whole.
    pub(super) fn add_token(&mut self, kind: &'static str, token: &str) {
        match token.split('.').collect::<Vec<_>>().as_slice() {
            [_, claims, signature] => {
                self.add(kind, claims.as_bytes());
                self.add(kind, signature.as_bytes());
                if let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) {
                    self.add(kind, &signature);
                }
            }
            _ => self.add(kind, token.as_bytes()),
        }
    }

    /// Adds the blocks of a PEM text, with and without their line breaks, except certificates, which are public.
    pub(super) fn add_pem(&mut self, kind: &'static str, text: &str) {
        for block in text.split("-----BEGIN ").skip(1).filter(|block| !block.starts_with("CERTIFICATE")) {
            let body = block.split_once("-----\n").and_then(|(_, rest)| rest.split_once("-----END"));
            let body = body.map(|(body, _)| body.trim()).unwrap_or_default();
            self.add(kind, body.as_bytes());
            self.add(kind, body.replace('\n', "").as_bytes());
        }
    }

    fn add_windows(&mut self, found: Found, text: &[u8]) {
        let last = text.len().saturating_sub(WINDOW);
        for start in (0..=last).step_by(STRIDE).chain([last]) {
            let window = text.get(start..start + WINDOW).and_then(|window| <[u8; WINDOW]>::try_from(window).ok());
            let Some(window) = window.filter(is_distinctive) else { continue };
            self.filter.resize(FILTER, false);
            if let Some(place) = self.filter.get_mut(filter_place(&window)) {
                *place = true;
            }
            self.windows.entry(window).or_insert(found);
        }
    }

    /// Everything that is found in `text`.
    pub(super) fn search(&self, text: &[u8]) -> BTreeSet<Found> {
        let mut found = BTreeSet::new();
        for window in text.windows(WINDOW) {
            let Ok(window) = <[u8; WINDOW]>::try_from(window) else { continue };
            if self.filter.get(filter_place(&window)).copied().unwrap_or_default()
                && let Some(secret) = self.windows.get(&window)
            {
                found.insert(*secret);
            }
        }
        found
    }

    /// Searches every file below `folder`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn search_folder(&self, folder: &Path) -> Result<LeakReport> {
        let mut report = LeakReport { secrets: self.count, planted: planted(), ..LeakReport::default() };
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                // Sockets and the like have no contents.
                if !path.is_file() {
                    continue;
                }
                let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                report.bytes += bytes.len();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let leaks = self.search(&bytes);
                report.leaks.extend(leaks.iter().map(|Found { kind, form }| format!("{name} holds {kind}, {form}")));
            }
        }
        Ok(report)
    }
}

/// Whether the window can identify a secret. Windows like sixteen zeros occur in every file.
fn is_distinctive(window: &[u8; WINDOW]) -> bool {
    window.iter().collect::<BTreeSet<_>>().len() > WINDOW / 4
}

/// The forms in which logs and responses may contain a text.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let url_encoded: String = form_urlencoded(secret);
    let mut forms = vec![
        ("plain", secret.to_vec()),
        ("hexadecimal", hexadecimal.to_ascii_uppercase().into_bytes()),
        ("hexadecimal", hexadecimal.into_bytes()),
        ("URL-encoded", url_encoded.into_bytes()),
    ];
    // After other text, its letters depend on its offset in a group of three bytes.
    for skipped in 0..3 {
        let rest = secret.get(skipped..).unwrap_or_default();
        let whole = rest.get(..rest.len() - rest.len() % 3).unwrap_or_default();
        forms.push(("base64", STANDARD_NO_PAD.encode(whole).into_bytes()));
        forms.push(("base64url", URL_SAFE_NO_PAD.encode(whole).into_bytes()));
    }
    forms
}

fn form_urlencoded(secret: &[u8]) -> String {
    url::form_urlencoded::byte_serialize(secret).collect()
}

fn filter_place(window: &[u8; WINDOW]) -> usize {
    let (first, second) = window.split_at(WINDOW / 2);
    let number = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
    let mixed = (number(first) ^ number(second).rotate_left(23)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from(mixed >> 42).unwrap_or_default()
}

/// FNV-1a, to recognise secrets that were added before.
fn fingerprint(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// How many forms of a planted secret the search finds, and how many there are. Each is planted separately within other
/// text and cut at both ends.
fn planted() -> (usize, usize) {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiI5YTBkM2I1Yy0xZjJlLTRhM2QtOGI0Yy01ZDZlN2Y4MDkxMjMiLCJzY3AiOiJ1c2VyX2ltcGVyc29uYXRpb24ifQ.\
                 c2lnbmF0dXJlIG9mIGEgcGxhbnRlZCB0b2tlbiwgbG9uZyBlbm91Z2ggdG8gYmUgY3V0IGF0IGJvdGggZW5kcyBhbmQgZm91bmQgYWxsIHRoZSBzYW1l";
    let mut secrets = Secrets::default();
    secrets.add_token("a planted token", token);
    let (mut found, mut all) = (0, 0);
    for part in token.split('.').skip(1) {
        for (_, form) in forms(part.as_bytes()) {
            let cut = form.get(5..form.len() - 5).unwrap_or_default();
            let text = [b"{\"event\":\"request\",\"x\":\"".as_slice(), cut, b"\"}"].concat();
            all += 1;
            found += usize::from(!secrets.search(&text).is_empty());
        }
    }
    (found, all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_form_is_found() {
        assert_eq!(planted(), (20, 20));
    }

    #[test]
    fn a_secret_within_another_encoding_is_found_and_other_text_is_not() {
        let mut secrets = Secrets::default();
        secrets.add("the client secret", b"Q8~very-secret-value-of-an-application");
        secrets.add_pem("the private key", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END PRIVATE KEY-----\n");
        for prefix in ["", "a", "ab"] {
            let text = STANDARD_NO_PAD.encode(format!("{prefix}Q8~very-secret-value-of-an-application and more"));
            let found = secrets.search(text.as_bytes());
            assert_eq!(found.first().map(|found| (found.kind, found.form)), Some(("the client secret", "base64")));
        }
        assert_eq!(secrets.search(b"x MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIB y").len(), 1);
        assert!(
            secrets.search(b"9b3d2f6e-0a4b-4c8d-9e1f-2a3b4c5d6e7f is the id of a request, and no secret").is_empty()
        );
    }

    #[test]
    fn every_file_below_a_folder_is_searched() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        fs::write(folder.path().join("state/store"), b"\0\0Q8~very-secret-value-of-an-application\0").unwrap();
        fs::write(folder.path().join("log"), b"nothing").unwrap();
        let mut secrets = Secrets::default();
        secrets.add("the client secret", b"Q8~very-secret-value-of-an-application");
        let report = secrets.search_folder(folder.path()).unwrap();
        assert_eq!(report.leaks, ["store holds the client secret, plain"]);
        assert_eq!(report.secrets, 1);
    }
}
