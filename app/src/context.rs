//! What a page of the app needs to know about the request.

use std::sync::Arc;

use uuid::Uuid;

use entra_obo::host::Host;

use crate::{
    log_line::RequestNotes,
    pages::Layout,
    session::{Session, cookies::Cookies},
    settings::AppSettings,
};

/// One request: its host, settings, browser and id.
#[derive(Debug)]
pub(crate) struct Context<'a, H> {
    /// The machine that it runs on.
    pub(crate) host: &'a H,
    /// What the operator set.
    pub(crate) settings: Arc<AppSettings>,
    /// The browser's cookies.
    pub(crate) cookies: Cookies,
    /// The browser's session, expired or not.
    pub(crate) session: Option<Session>,
    /// This request's id.
    pub(crate) request_id: Uuid,
    /// What the log line will say.
    pub(crate) notes: &'a RequestNotes,
}

impl<H: Host> Context<'_, H> {
    /// What all pages show.
    #[must_use]
    pub(crate) fn layout(&self) -> Layout {
        Layout {
            signed_in_as: self.signed_in().map(|session| session.name.clone()),
            has_session: self.session.is_some(),
            request_id: self.request_id,
        }
    }

    /// The session, unless it has expired.
    #[must_use]
    pub(crate) fn signed_in(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| !session.has_expired(self.host.now()))
    }
}
