//! The cookie by which the login host knows a browser again.

use http::{HeaderValue, Response, header};

use crate::{
    browser_sessions::BrowserSession,
    directory::Directory,
    wire::{Body, Incoming},
};

/// The name of Entra's own.
const NAME: &str = "ESTSAUTH";

/// The browser that sent a request.
pub(super) struct Browser<'r> {
    directory: &'r Directory,
    cookie: Option<&'r str>,
}

impl<'r> Browser<'r> {
    pub(super) fn of(directory: &'r Directory, incoming: &'r Incoming) -> Self {
        let cookies = incoming.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let cookie = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value).next();
        Self { directory, cookie }
    }

    /// The session that goes on in this browser.
    pub(super) fn session(&self) -> Option<BrowserSession> {
        self.directory.browser_sessions.find(self.cookie?)
    }

    /// Goes on with `session` in place of the one before, under another cookie.
    pub(super) fn keep(&self, session: BrowserSession, answer: &mut Response<Body>) {
        self.forget();
        let cookie = self.directory.browser_sessions.keep(session);
        set_cookie(answer, &format!("{NAME}={cookie}; Path=/; HttpOnly; SameSite=Lax"));
    }

    /// Ends the session.
    pub(super) fn end(&self, answer: &mut Response<Body>) {
        self.forget();
        set_cookie(answer, &format!("{NAME}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
    }

    fn forget(&self) {
        if let Some(cookie) = self.cookie {
            self.directory.browser_sessions.end(cookie);
        }
    }
}

fn set_cookie(answer: &mut Response<Body>, cookie: &str) {
    // Every cookie of ours is visible ASCII.
    if let Ok(value) = HeaderValue::from_str(cookie) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}
