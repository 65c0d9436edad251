//! The page for a question.

use http::{Response, StatusCode};

use super::{
    SignIn,
    next_step::{Answers, Question},
    request::{AuthorizationRequest, Prompt},
};
use crate::{
    browser_sessions::BrowserSession,
    entra::{admin_consent, pages, recipient::Recipient},
    person::Person,
    wire::Body,
};

pub(super) fn answer(
    sign_in: &SignIn<'_>,
    recipient: &Recipient<'_>,
    request: &AuthorizationRequest<'_>,
    answers: &Answers,
    question: &Question,
) -> Response<Body> {
    let to = recipient.redirect_uri.as_ref();
    let application = request.client.display_name;
    let action = format!("/{}/login?{}", sign_in.tenant, sign_in.parameters.to_query_without(&[]));
    let answered_person = answers.person.as_ref().map(|person| person.name.as_str());
    match question {
        Question::Who => {
            let (people, everybody) = choice(sign_in, request);
            pages::answer(StatusCode::OK, &pages::SignIn { application, action, people, everybody }, to)
        }
        Question::SecondFactor(BrowserSession { person, .. }) => {
            let page =
                pages::SecondFactor { application, action, user_name: &person.user_principal_name, answered_person };
            pages::answer(StatusCode::OK, &page, to)
        }
        Question::Approval(BrowserSession { person, .. }) => {
            let page = pages::Approval {
                application,
                action,
                user_name: &person.user_principal_name,
                admin_consent: admin_consent::path(&person.tenant_id, request.client, request.scope),
            };
            pages::answer(StatusCode::OK, &page, to)
        }
        Question::Consent(BrowserSession { person, .. }) => {
            let page = pages::Consent {
                application,
                action,
                who: &person.user_principal_name,
                permissions: request.permissions.iter().flat_map(|permission| permission.meanings()).collect(),
                for_everybody: false,
                answered_person,
                passed_second_factor: answers.passed_second_factor,
            };
            pages::answer(StatusCode::OK, &page, to)
        }
    }
}

/// The people to choose among, and where to choose among all of them if that is not everybody.
fn choice<'r>(sign_in: &SignIn<'_>, request: &AuthorizationRequest<'r>) -> (Vec<&'r Person>, Option<String>) {
    let mut people: Vec<&Person> = request.directory.people.iter().filter(|person| request.admits(person)).collect();
    if let Some(domain) = request.domain_hint
        && people.iter().any(|person| person.is_of_domain(domain))
    {
        people.retain(|person| person.is_of_domain(domain));
    }
    let hinted = request.login_hint.filter(|_| request.prompt != Prompt::SelectAccount);
    let hinted = people.iter().find(|person| hinted.is_some_and(|hint| person.has_user_name(hint))).copied();
    match hinted {
        None => (people, None),
        Some(person) => {
            let query = sign_in.parameters.to_query_without(&["login_hint"]);
            (vec![person], Some(format!("/{}/oauth2/v2.0/authorize?{query}", sign_in.tenant)))
        }
    }
}
