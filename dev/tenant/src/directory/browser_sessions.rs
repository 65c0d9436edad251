//! Who is signed in at the login host, in which browser.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::person::Person;
use crate::random;

/// One person signed in in one browser.
#[derive(Clone)]
pub(crate) struct BrowserSession {
    /// The claim `sid`, and the `session_state` of responses.
    pub(crate) id: String,
    pub(crate) person: Arc<Person>,
    pub(crate) passed_second_factor: bool,
}

/// Sessions by the secret in the browser's cookie.
#[derive(Default)]
pub(crate) struct BrowserSessions(Mutex<HashMap<String, BrowserSession>>);

impl BrowserSessions {
    pub(crate) fn find(&self, cookie: &str) -> Option<BrowserSession> {
        self.0.lock().get(cookie).cloned()
    }

    /// Keeps the session and returns the secret for the cookie.
    pub(crate) fn keep(&self, session: BrowserSession) -> String {
        let cookie = random::opaque_token();
        self.0.lock().insert(cookie.clone(), session);
        cookie
    }

    pub(crate) fn end(&self, cookie: &str) {
        self.0.lock().remove(cookie);
    }
}
