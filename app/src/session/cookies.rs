//! Sealed cookies: data that a browser keeps for this app, but can neither read nor change.

use std::{borrow::Cow, cell::RefCell, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};

use entra_obo::toolkit::sealed_entry::{open, seal};

use crate::settings::AppSettings;

/// Changes whenever the form of a cookie does, so that cookies of another release do not open.
const FORM: &[u8] = b"profile-app cookie 2";

/// Characters in one cookie's value. Browsers keep at least 4096 bytes per cookie, including name and attributes (RFC 6265
/// section 6.1). Longer content continues in numbered cookies.
const PART_LENGTH: usize = 3800;

/// How many cookies one value may use: proxies commonly refuse requests whose headers are longer than 16 KiB.
const MAX_PARTS: usize = 4;

/// A kind of sealed cookie.
#[derive(Debug)]
pub struct SealedCookie {
    /// Its name, from which its key is derived.
    pub name: Cow<'static, str>,
    /// How long the browser keeps it; `None` means until it is closed.
    pub lifetime: Option<Duration>,
}

/// The content does not fit into the cookies that one value may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// The cookies of one request, and the changes to them in its response.
#[derive(Debug)]
pub struct Cookies {
    received: Vec<(String, String)>,
    changes: RefCell<Vec<String>>,
}

impl Cookies {
    /// Parses the `Cookie` headers (RFC 6265 section 5.4).
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let received = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Self { received, changes: RefCell::default() }
    }

    /// The content of a cookie, if this app sealed it.
    #[must_use]
    pub fn open(&self, cookie: &SealedCookie, settings: &AppSettings) -> Option<Vec<u8>> {
        let text: String = (0..MAX_PARTS)
            .map_while(|part| self.value(&part_name(cookie, part, settings)))
            .collect::<Vec<_>>()
            .concat();
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (salt, sealed) = sealed.split_first_chunk()?;
        let secret = settings.session_secret.expose().as_bytes();
        open(secret, &purpose(cookie, settings, *salt), sealed.to_vec())
    }

    /// Whether the browser sent the cookie, even one that does not open.
    #[must_use]
    pub fn has(&self, cookie: &SealedCookie, settings: &AppSettings) -> bool {
        self.value(&part_name(cookie, 0, settings)).is_some()
    }

    /// What follows `prefix` in the names of the cookies that the browser sent.
    pub fn suffixes(&self, prefix: &str, settings: &AppSettings) -> impl Iterator<Item = &str> {
        let prefix = format!("{}{prefix}", host_prefix(settings));
        self.received.iter().filter_map(move |(name, _)| name.strip_prefix(&prefix))
    }

    /// Makes the browser keep `content` in the cookie. `random` must be fresh.
    ///
    /// # Errors
    /// [`TooLarge`]; nothing changes then.
    pub fn set(
        &self,
        random: [[u8; 16]; 2],
        cookie: &SealedCookie,
        settings: &AppSettings,
        content: &[u8],
    ) -> Result<(), TooLarge> {
        let [salt, random] = random;
        let purpose = purpose(cookie, settings, salt);
        let sealed = seal(settings.session_secret.expose().as_bytes(), &purpose, random, content).ok_or(TooLarge)?;
        let sealed = [&salt[..], &sealed].concat();
        let text = URL_SAFE_NO_PAD.encode(sealed);
        if text.len() > PART_LENGTH.saturating_mul(MAX_PARTS) {
            return Err(TooLarge);
        }
        let mut parts = text.as_bytes().chunks(PART_LENGTH);
        for number in 0..MAX_PARTS {
            let name = part_name(cookie, number, settings);
            match parts.next() {
                Some(part) => self.write(&name, &String::from_utf8_lossy(part), cookie.lifetime, settings),
                None => self.erase(&name, settings),
            }
        }
        Ok(())
    }

    /// Makes the browser delete a cookie.
    pub fn clear(&self, cookie: &SealedCookie, settings: &AppSettings) {
        for number in 0..MAX_PARTS {
            self.erase(&part_name(cookie, number, settings), settings);
        }
    }

    /// Adds the changes to a response.
    pub fn add_changes(&self, answer: &mut HeaderMap) {
        for change in &*self.changes.borrow() {
            if let Ok(value) = HeaderValue::from_str(change) {
                answer.append(header::SET_COOKIE, value);
            }
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.received.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    fn erase(&self, name: &str, settings: &AppSettings) {
        if self.value(name).is_some() {
            self.write(name, "", Some(Duration::ZERO), settings);
        }
    }

    fn write(&self, name: &str, value: &str, lifetime: Option<Duration>, settings: &AppSettings) {
        let age = lifetime.map(|age| format!("; Max-Age={}", age.as_secs())).unwrap_or_default();
        let secure = if settings.app_url.is_https() { "; Secure" } else { "" };
        // Lax, not Strict: the person returns from Entra by a cross-site navigation.
        self.changes.borrow_mut().push(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}"));
    }
}

/// `__Host-` ties a cookie to this host and to TLS. Browsers accept it only with `Secure`.
fn host_prefix(settings: &AppSettings) -> &'static str {
    if settings.app_url.is_https() { "__Host-" } else { "" }
}

fn part_name(cookie: &SealedCookie, number: usize, settings: &AppSettings) -> String {
    let prefix = host_prefix(settings);
    match number {
        0 => format!("{prefix}{}", cookie.name),
        _ => format!("{prefix}{}-{number}", cookie.name),
    }
}

/// Ties a cookie to its name and to this app's registration. The session secret is used for years, so `salt`, which is
/// random, gives each cookie a key of its own.
fn purpose(cookie: &SealedCookie, settings: &AppSettings, salt: [u8; 16]) -> Vec<u8> {
    let (tenant, app) = (settings.tenant_id.as_bytes(), settings.app_client_id.as_bytes());
    [FORM, cookie.name.as_bytes(), tenant, app, &salt].join(&b' ')
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, time::Duration};

    use http::{HeaderMap, HeaderValue, header};

    use super::{Cookies, MAX_PARTS, PART_LENGTH, SealedCookie, TooLarge};
    use crate::settings::{AppSettings, tests::with};

    const SESSION: SealedCookie = SealedCookie { name: Cow::Borrowed("session"), lifetime: None };
    const OTHER: SealedCookie = SealedCookie { name: Cow::Borrowed("other"), lifetime: Some(Duration::from_secs(60)) };

    const RANDOM: [[u8; 16]; 2] = [[1; 16], [2; 16]];

    /// What a browser that holds `before` sends after the change.
    fn after(before: &HeaderMap, change: impl FnOnce(&Cookies)) -> HeaderMap {
        let cookies = Cookies::from_headers(before);
        change(&cookies);
        let mut held: Vec<(String, String)> = cookies.received.clone();
        for line in &*cookies.changes.borrow() {
            assert!(line.len() < 4096, "{} bytes", line.len());
            let (name, rest) = line.split_once('=').unwrap();
            held.retain(|(own, _)| own != name);
            if !line.ends_with("Max-Age=0") {
                held.push((name.to_owned(), rest.split(';').next().unwrap().to_owned()));
            }
        }
        let line = held.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&line).unwrap())])
    }

    fn content(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|index| u8::try_from(index % 251).unwrap()).collect()
    }

    fn set(before: &HeaderMap, settings: &AppSettings, bytes: usize) -> HeaderMap {
        after(before, |cookies| cookies.set(RANDOM, &SESSION, settings, &content(bytes)).unwrap())
    }

    #[test]
    fn content_of_any_size_is_kept_whole_or_refused() {
        let settings = with(&[]);
        let mut browser = HeaderMap::new();
        let largest = PART_LENGTH * MAX_PARTS * 3 / 4 - 44;
        for bytes in [0, 1, 2000, 2810, 2811, 5000, largest, 7000, 100] {
            browser = set(&browser, &settings, bytes);
            let cookies = Cookies::from_headers(&browser);
            assert_eq!(cookies.open(&SESSION, &settings), Some(content(bytes)), "{bytes} bytes");
        }
        let cookies = Cookies::from_headers(&browser);
        assert_eq!(cookies.set(RANDOM, &SESSION, &settings, &content(largest + 1)), Err(TooLarge));
        assert!(cookies.changes.borrow().is_empty());
        let browser = after(&browser, |cookies| cookies.clear(&SESSION, &settings));
        assert_eq!(browser[header::COOKIE], "");
    }

    #[test]
    fn a_cookie_of_another_name_app_or_secret_does_not_open() {
        let settings = with(&[]);
        let browser = set(&HeaderMap::new(), &settings, 10);
        let text = browser[header::COOKIE].to_str().unwrap().replace("session", "other");
        let renamed = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&text).unwrap())]);
        assert_eq!(Cookies::from_headers(&renamed).open(&OTHER, &settings), None);
        for change in [
            ("app_client_id", "22222222-2222-4222-8222-222222222223"),
            ("sessionsecret", "another secret of thirty-two chars"),
        ] {
            assert_eq!(Cookies::from_headers(&browser).open(&SESSION, &with(&[change])), None, "{change:?}");
        }
    }

    #[test]
    fn attributes_follow_the_scheme() {
        for (app_url, name, end) in [
            ("https://app.example", "__Host-other=", "; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=60"),
            ("http://127.0.0.1:1", "other=", "; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"),
        ] {
            let settings = with(&[("app_url", app_url)]);
            let cookies = Cookies::from_headers(&HeaderMap::new());
            cookies.set(RANDOM, &OTHER, &settings, &content(1)).unwrap();
            let changes = cookies.changes.borrow();
            assert_eq!(changes.len(), 1);
            assert!(changes[0].starts_with(name) && changes[0].ends_with(end), "{changes:?}");
        }
    }
}
