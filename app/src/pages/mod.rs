//! The pages, each a template in `templates/` and what stands on it. Askama escapes every value.

pub mod failure_page;
pub mod initials;
pub mod journey;
pub mod profile_card;
pub mod response;
pub mod token_claims;
pub mod words;

use askama::Template;
use uuid::Uuid;

use crate::pages::{
    failure_page::FailurePage, journey::Journey, profile_card::ProfileCard, token_claims::ExplainedToken,
};

/// What all pages show.
#[derive(Debug)]
pub struct Layout {
    /// The name of who is signed in.
    pub signed_in_as: Option<String>,
    /// Whether there is a session to sign out of, expired or not.
    pub has_session: bool,
    /// The request's id, by which the operator finds it in the log.
    pub request_id: Uuid,
}

/// Nobody is signed in.
#[derive(Debug, Template)]
#[template(path = "welcome.html")]
pub struct Welcome {
    /// What all pages show.
    pub layout: Layout,
    /// Where signing in leads.
    pub authority: String,
    /// What will be asked of Entra.
    pub scope: String,
}

/// The profile, and how it came here.
#[derive(Debug, Template)]
#[template(path = "profile.html")]
pub struct ProfilePage {
    /// What all pages show.
    pub layout: Layout,
    /// The card.
    pub card: ProfileCard,
    /// What happened on the way.
    pub journey: Journey,
    /// The token's claims, if it can be read.
    pub token: Option<ExplainedToken>,
    /// The profile as JSON.
    pub json: String,
    /// By which the API's operator finds the call in the log.
    pub api_request_id: Option<String>,
}

/// Whether the person is signed out.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOut {
    /// What all pages show.
    pub layout: Layout,
    /// Whether the session was ended here just now.
    pub has_ended: bool,
}

/// Something stands against it.
#[derive(Debug, Template)]
#[template(path = "failure.html")]
pub struct FailureTemplate {
    /// What all pages show.
    pub layout: Layout,
    /// What is told.
    pub page: FailurePage,
}
