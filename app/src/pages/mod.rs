//! The pages: each is a template in `templates/` and its values, which Askama escapes.

pub(crate) mod failure_page;
pub(crate) mod initials;
pub(crate) mod journey;
pub(crate) mod profile_card;
pub(crate) mod response;
pub(crate) mod times;
pub(crate) mod token_claims;

use askama::Template;
use uuid::Uuid;

use crate::pages::{
    failure_page::explanation::Explanation, journey::Journey, profile_card::ProfileCard, token_claims::ExplainedToken,
};

/// What all pages show.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The name of the person who is signed in.
    pub(crate) signed_in_as: Option<String>,
    /// Whether there is a session to sign out of, expired or not.
    pub(crate) has_session: bool,
    /// Finds the request in the log.
    pub(crate) request_id: Uuid,
}

/// Nobody is signed in.
#[derive(Debug, Template)]
#[template(path = "welcome.html")]
pub(crate) struct Welcome {
    /// What all pages show.
    pub(crate) layout: Layout,
    /// Where signing in takes place.
    pub(crate) authority: String,
    /// What this app will ask Entra for.
    pub(crate) scope: String,
}

/// The profile, and how it got here.
#[derive(Debug, Template)]
#[template(path = "profile.html")]
pub(crate) struct ProfilePage {
    /// What all pages show.
    pub(crate) layout: Layout,
    /// The card.
    pub(crate) card: ProfileCard,
    /// What happened, step by step.
    pub(crate) journey: Journey,
    /// The token's claims, if it can be read.
    pub(crate) token: Option<ExplainedToken>,
    /// The profile as JSON.
    pub(crate) json: String,
    /// Finds the call in the API's log.
    pub(crate) api_request_id: Option<String>,
}

/// Whether the person is signed out.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOut {
    /// What all pages show.
    pub(crate) layout: Layout,
    /// Whether this app just ended the session.
    pub(crate) has_ended: bool,
}

/// Something went wrong.
#[derive(Debug, Template)]
#[template(path = "failure.html")]
pub(crate) struct FailurePage {
    /// What all pages show.
    pub(crate) layout: Layout,
    /// The failure's stable name.
    pub(crate) code: &'static str,
    /// What the person reads.
    pub(crate) explanation: Explanation,
}
