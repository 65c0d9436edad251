//! The cookie by which the login host knows a browser again.

use http::{HeaderValue, Response, header};

use crate::{
    directory::{Directory, browser_sessions::BrowserSession},
    wire::{IncomingRequest, ResponseBody},
};

/// The name of Entra's own.
const NAME: &str = "ESTSAUTH";

/// The browser that sent a request.
pub(crate) struct Browser<'r> {
    directory: &'r Directory,
    cookie: Option<&'r str>,
}

impl<'r> Browser<'r> {
    pub(crate) fn of(directory: &'r Directory, incoming: &'r IncomingRequest) -> Self {
        let cookies = incoming.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let cookie = pairs.filter(|(name, _)| *name == NAME).map(|(_, value)| value).next();
        Self { directory, cookie }
    }

    /// The session in this browser.
    pub(crate) fn session(&self) -> Option<BrowserSession> {
        self.directory.browser_sessions.find(self.cookie?)
    }

    /// Replaces the session by `session`, under a new cookie.
    pub(crate) fn keep(&self, session: BrowserSession, response: &mut Response<ResponseBody>) {
        self.forget();
        let cookie = self.directory.browser_sessions.keep(session);
        set_cookie(response, &format!("{NAME}={cookie}; Path=/; HttpOnly; SameSite=Lax"));
    }

    /// Ends the session.
    pub(crate) fn end(&self, response: &mut Response<ResponseBody>) {
        self.forget();
        set_cookie(response, &format!("{NAME}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
    }

    fn forget(&self) {
        if let Some(cookie) = self.cookie {
            self.directory.browser_sessions.end(cookie);
        }
    }
}

fn set_cookie(response: &mut Response<ResponseBody>, cookie: &str) {
    // All cookies here are visible ASCII.
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
