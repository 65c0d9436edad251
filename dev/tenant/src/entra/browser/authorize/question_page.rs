//! The page for a question.

use std::sync::Arc;

use http::{Response, StatusCode};

use super::{
    next_step::{Choices, Question},
    request::{AuthorizationRequest, Prompt},
    sign_in::SignIn,
};
use crate::{
    directory::{browser_sessions::BrowserSession, person::Person},
    entra::browser::{admin_consent, pages, recipient::Recipient},
    page,
    wire::ResponseBody,
};

pub(super) fn respond(
    sign_in: &SignIn<'_>,
    recipient: &Recipient,
    request: &AuthorizationRequest<'_>,
    choices: &Choices,
    question: &Question,
) -> Response<ResponseBody> {
    let to = recipient.redirect_uri.as_ref();
    let application = &*request.client.display_name();
    let action = format!("/{}/login?{}", sign_in.tenant, sign_in.parameters.to_query_without(&[]));
    let chosen_person = choices.person.as_ref().map(|person| person.name.as_str());
    match question {
        Question::Who => {
            let (people, everybody) = choice(sign_in, request);
            page::response(StatusCode::OK, &pages::SignIn { application, action, people, everybody }, to)
        }
        Question::SecondFactor(BrowserSession { person, .. }) => {
            let page =
                pages::SecondFactor { application, action, user_name: &person.user_principal_name, chosen_person };
            page::response(StatusCode::OK, &page, to)
        }
        Question::Approval(BrowserSession { person, .. }) => {
            let page = pages::Approval {
                application,
                action,
                user_name: &person.user_principal_name,
                admin_consent: admin_consent::path(&person.tenant_id, &request.client, request.scope),
            };
            page::response(StatusCode::OK, &page, to)
        }
        Question::Consent(BrowserSession { person, .. }) => {
            let page = pages::Consent {
                application,
                action,
                who: &person.user_principal_name,
                permissions: request
                    .permissions
                    .iter()
                    .flat_map(|permission| permission.descriptions(request.directory, &request.client))
                    .collect(),
                for_everybody: false,
                chosen_person,
                passed_second_factor: choices.passed_second_factor,
            };
            page::response(StatusCode::OK, &page, to)
        }
    }
}

/// The people to choose from, and the address of the full list if some are left out.
fn choice(sign_in: &SignIn<'_>, request: &AuthorizationRequest<'_>) -> (Vec<Arc<Person>>, Option<String>) {
    let mut people = request.directory.roster.listed();
    people.retain(|person| request.admits(person));
    if let Some(domain) = request.domain_hint
        && people.iter().any(|person| person.is_of_domain(domain))
    {
        people.retain(|person| person.is_of_domain(domain));
    }
    let hinted = request.login_hint.filter(|_| request.prompt != Prompt::SelectAccount);
    let hinted = people.iter().find(|person| hinted.is_some_and(|hint| person.has_user_name(hint))).cloned();
    match hinted {
        None => (people, None),
        Some(person) => {
            let query = sign_in.parameters.to_query_without(&["login_hint"]);
            (vec![person], Some(format!("/{}/oauth2/v2.0/authorize?{query}", sign_in.tenant)))
        }
    }
}
