//! The next step of a sign-in, given the person's answers so far.

use std::sync::Arc;

use super::request::{AuthorizationRequest, Prompt};
use crate::{
    directory::{
        browser_sessions::BrowserSession,
        person::{ExchangeRule, Person},
    },
    entra::{error::EntraError, parameters::Parameters},
    random,
};

/// The person's answers on the pages of this sign-in. Each page passes them on to the next.
#[derive(Default)]
pub(super) struct Choices {
    pub(super) person: Option<Arc<Person>>,
    pub(super) passed_second_factor: bool,
    /// Whether they agreed.
    pub(super) consent: Option<bool>,
}

impl Choices {
    /// Reads the form of a page; `None` when the person cancelled.
    pub(super) fn read(request: &AuthorizationRequest<'_>, form: &Parameters) -> Result<Option<Self>, EntraError> {
        if form.optional("cancel").is_some() {
            return Ok(None);
        }
        let person = form.optional("person").map(|name| find(request, name)).transpose()?;
        Ok(Some(Self {
            person,
            passed_second_factor: form.optional("second_factor") == Some("passed"),
            consent: form.optional("consent").map(|response| response == "accepted"),
        }))
    }
}

fn find(request: &AuthorizationRequest<'_>, name: &str) -> Result<Arc<Person>, EntraError> {
    request.directory.roster.by_name(name).filter(|person| request.admits(person)).ok_or_else(|| {
        let message = format!("There is no account '{name}' in the tenant of the request.");
        EntraError::new("access_denied", 50020, message)
    })
}

/// The next step.
pub(super) enum Step {
    Ask(Question),
    /// Nothing: they are signed in, and agreed.
    Finish(BrowserSession),
}

/// The question of a page.
pub(super) enum Question {
    Who,
    SecondFactor(BrowserSession),
    Consent(BrowserSession),
    /// The person may not consent by themselves.
    Approval(BrowserSession),
}

/// Finds the next step; an error is for the application to know.
pub(super) fn next_step(
    request: &AuthorizationRequest<'_>,
    session: Option<BrowserSession>,
    choices: &Choices,
) -> Result<Step, EntraError> {
    match open_question(request, session, choices)? {
        Step::Ask(question) if request.prompt == Prompt::None => Err(interaction_needed(&question)),
        step => Ok(step),
    }
}

fn open_question(
    request: &AuthorizationRequest<'_>,
    session: Option<BrowserSession>,
    choices: &Choices,
) -> Result<Step, EntraError> {
    let Some(mut session) = signed_in(request, session, choices) else { return Ok(Step::Ask(Question::Who)) };
    session.passed_second_factor |= choices.passed_second_factor;
    if request.claims.needs_second_factor() && !session.passed_second_factor {
        return Ok(Step::Ask(Question::SecondFactor(session)));
    }
    let lacks_consent = request.lacks_consent(&session.person);
    if lacks_consent && session.person.exchange == ExchangeRule::NeedsAdminConsent {
        return Ok(Step::Ask(Question::Approval(session)));
    }
    match choices.consent {
        Some(false) => Err(EntraError::new("access_denied", 65004, "The person declined to consent.")),
        None if lacks_consent || request.prompt == Prompt::Consent => Ok(Step::Ask(Question::Consent(session))),
        Some(true) | None => Ok(Step::Finish(session)),
    }
}

/// A new session for the person chosen on the page, or else the browser's session if the request allows that.
fn signed_in(
    request: &AuthorizationRequest<'_>,
    session: Option<BrowserSession>,
    choices: &Choices,
) -> Option<BrowserSession> {
    if let Some(person) = choices.person.clone() {
        return Some(BrowserSession { id: random::guid(), person, passed_second_factor: false });
    }
    let asks_anew = matches!(request.prompt, Prompt::Login | Prompt::SelectAccount);
    session.filter(|session| {
        let hinted = request.login_hint.is_none_or(|hint| session.person.has_user_name(hint));
        let has_ended = request.directory.sessions.has_ended(&session.person.object_id, &session.id);
        hinted && !asks_anew && !has_ended && request.admits(&session.person)
    })
}

/// The error for a request with `prompt=none` that would need a page.
fn interaction_needed(question: &Question) -> EntraError {
    let (error, code, message) = match question {
        Question::Who => ("login_required", 50058, "No account, or another one, is signed in."),
        Question::SecondFactor(_) => ("interaction_required", 50076, "Multifactor authentication is needed."),
        Question::Consent(_) => ("interaction_required", 65001, "The person has not consented."),
        Question::Approval(_) => ("interaction_required", 90094, "An administrator has not consented."),
    };
    EntraError::new(error, code, format!("{message} No page could be shown, since prompt is 'none'."))
}
