//! Consent of an administrator for everybody: <https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>.
//!
//! The emulated administrator is whoever looks at the page.

use http::{Method, Response, StatusCode};

use super::{Authority, failure::Failure, pages, parameters::Parameters, recipient::Recipient, scope::RequestedScopes};
use crate::{
    application::Application,
    directory::Directory,
    wire::{Body, Incoming},
};

/// Where an administrator consents to `scope` for `client`.
pub(super) fn path(tenant_id: &str, client: &Application, scope: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", &client.client_id).append_pair("scope", scope);
    format!("/{tenant_id}/v2.0/adminconsent?{}", query.finish())
}

pub(super) fn answer(directory: &Directory, incoming: &Incoming, tenant: &str) -> Response<Body> {
    consent(directory, incoming, tenant).unwrap_or_else(|failure| pages::failure(&failure, incoming))
}

fn consent(directory: &Directory, incoming: &Incoming, tenant: &str) -> Result<Response<Body>, Failure> {
    let tenant_id = match Authority::of(directory, tenant)? {
        Authority::Single(tenant_id) => tenant_id,
        Authority::Any => &directory.tenant_id,
    };
    let parameters = Parameters::of_query(incoming)?;
    let recipient = Recipient::of(directory, &parameters)?;
    let scope = parameters.required("scope")?;
    let permissions = RequestedScopes::parse(scope).permissions(directory)?;
    let form = match incoming.method {
        Method::POST => Parameters::of_form(incoming)?,
        _ => Parameters::default(),
    };
    match form.optional("consent") {
        Some("accepted") => {
            let consents = permissions.iter().flat_map(|permission| permission.consents(directory, recipient.client));
            for (client, permission) in consents {
                directory.consents.give(client, permission, tenant_id);
            }
            Ok(granted(&recipient, tenant_id, scope))
        }
        Some(_) => Ok(declined(&recipient, tenant_id, incoming)),
        None => {
            let page = pages::Consent {
                application: recipient.client.display_name,
                action: format!("/{tenant}/v2.0/adminconsent?{}", parameters.to_query_without(&[])),
                who: "The administrator",
                permissions: permissions.iter().flat_map(|permission| permission.meanings()).collect(),
                for_everybody: true,
                answered_person: None,
                passed_second_factor: false,
            };
            Ok(pages::answer(StatusCode::OK, &page, recipient.redirect_uri.as_ref()))
        }
    }
}

fn granted(recipient: &Recipient<'_>, tenant_id: &str, scope: &str) -> Response<Body> {
    match &recipient.redirect_uri {
        Some(uri) => {
            let parameters = vec![
                ("admin_consent", "True".to_owned()),
                ("tenant", tenant_id.to_owned()),
                ("scope", scope.to_owned()),
            ];
            recipient.send(uri, parameters)
        }
        None => pages::message("Consent granted", "It holds for everybody. Go back to the application and try again."),
    }
}

fn declined(recipient: &Recipient<'_>, tenant_id: &str, incoming: &Incoming) -> Response<Body> {
    match &recipient.redirect_uri {
        Some(uri) => {
            let failure = Failure::new("consent_required", 65004, "The administrator declined to consent.");
            let mut parameters = failure.parameters(incoming);
            parameters.extend([("admin_consent", "True".to_owned()), ("tenant", tenant_id.to_owned())]);
            recipient.send(uri, parameters)
        }
        None => pages::message("Declined", "Nothing was agreed to. You can close this page."),
    }
}
