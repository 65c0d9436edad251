//! Consent of an administrator for everyone: <https://learn.microsoft.com/entra/identity-platform/v2-admin-consent>.
//!
//! Anyone who opens the page acts as the administrator.

use http::{Method, Response, StatusCode};

use super::{pages, recipient::Recipient};
use crate::{
    directory::{Directory, app_registration::AppRegistration, consents::GivenBy},
    entra::{authority::Authority, error::EntraError, parameters::Parameters, scope::RequestedScopes},
    page,
    wire::{IncomingRequest, ResponseBody},
};

/// Where an administrator consents to `scope` for `client`.
pub(crate) fn path(tenant_id: &str, client: &AppRegistration, scope: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", &client.client_id).append_pair("scope", scope);
    format!("/{tenant_id}/v2.0/adminconsent?{}", query.finish())
}

pub(crate) fn respond(directory: &Directory, incoming: &IncomingRequest, tenant: &str) -> Response<ResponseBody> {
    consent(directory, incoming, tenant).unwrap_or_else(|failure| pages::failure(&failure, incoming))
}

fn consent(
    directory: &Directory,
    incoming: &IncomingRequest,
    tenant: &str,
) -> Result<Response<ResponseBody>, EntraError> {
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
            for it in permissions.iter().flat_map(|permission| permission.consents(directory, &recipient.client)) {
                let given_by = GivenBy::Administrator { tenant_id: tenant_id.to_owned() };
                directory.consents.give(&it.client, &it.resource, &it.scope, given_by);
                it.client.install(tenant_id, directory.replication.lag());
            }
            Ok(granted(&recipient, tenant_id, scope))
        }
        Some(_) => Ok(declined(&recipient, tenant_id, incoming)),
        None => {
            let page = pages::Consent {
                application: &recipient.client.display_name(),
                action: format!("/{tenant}/v2.0/adminconsent?{}", parameters.to_query_without(&[])),
                who: "The administrator",
                permissions: permissions
                    .iter()
                    .flat_map(|permission| permission.descriptions(directory, &recipient.client))
                    .collect(),
                for_everybody: true,
                chosen_person: None,
                passed_second_factor: false,
            };
            Ok(page::response(StatusCode::OK, &page, recipient.redirect_uri.as_ref()))
        }
    }
}

fn granted(recipient: &Recipient, tenant_id: &str, scope: &str) -> Response<ResponseBody> {
    match &recipient.redirect_uri {
        Some(uri) => {
            let parameters = vec![
                ("admin_consent", "True".to_owned()),
                ("tenant", tenant_id.to_owned()),
                ("scope", scope.to_owned()),
            ];
            recipient.send(uri, parameters)
        }
        None => pages::message(
            "Consent granted",
            "It applies to everyone in this tenant. Go back to the application and try again.",
        ),
    }
}

fn declined(recipient: &Recipient, tenant_id: &str, incoming: &IncomingRequest) -> Response<ResponseBody> {
    match &recipient.redirect_uri {
        Some(uri) => {
            let failure = EntraError::new("consent_required", 65004, "The administrator declined to consent.");
            let mut parameters = failure.parameters(incoming);
            parameters.extend([("admin_consent", "True".to_owned()), ("tenant", tenant_id.to_owned())]);
            recipient.send(uri, parameters)
        }
        None => pages::message("Declined", "No consent was given. You can close this page."),
    }
}
