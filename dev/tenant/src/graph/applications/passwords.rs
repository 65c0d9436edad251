//! Client secrets: <https://learn.microsoft.com/graph/api/application-addpassword>.

use http::{Response, StatusCode};
use serde::Deserialize;

use super::json;
use crate::{
    directory::{Directory, app_registration::AppRegistration, credentials::ClientSecret},
    graph::{error::GraphError, odata},
    jwt::object,
    random, time,
    wire::{self, IncomingRequest, ResponseBody},
};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct AddPassword {
    password_credential: PasswordCredential,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct PasswordCredential {
    display_name: Option<String>,
    start_date_time: Option<String>,
    end_date_time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RemovePassword {
    key_id: String,
}

/// Makes a secret and shows it once.
pub(super) fn add(
    directory: &Directory,
    application: &AppRegistration,
    incoming: &IncomingRequest,
) -> Result<Response<ResponseBody>, GraphError> {
    let AddPassword { password_credential: wanted } = odata::body(incoming)?;
    let moment = |text: Option<String>| match text {
        None => Ok(None),
        Some(text) => time::parse_iso_date(&text)
            .map(Some)
            .ok_or_else(|| GraphError::bad_request(format!("'{text}' is not a date and time."))),
    };
    let mut secret = ClientSecret::new(random::client_secret(), directory.replication.lag());
    secret.display_name = wanted.display_name;
    let lifetime = secret.expires - secret.starts;
    secret.starts = moment(wanted.start_date_time)?.unwrap_or(secret.starts);
    secret.expires = moment(wanted.end_date_time)?.unwrap_or(secret.starts + lifetime);
    if secret.expires <= secret.starts {
        return Err(GraphError::bad_request("The secret must end after it starts."));
    }
    let mut body = object(json::secret(&secret));
    body.insert("secretText".into(), secret.value.clone().into());
    application.secrets_mut().push(secret);
    Ok(odata::entity(directory, StatusCode::OK, "microsoft.graph.passwordCredential", body))
}

pub(super) fn remove(
    application: &AppRegistration,
    incoming: &IncomingRequest,
) -> Result<Response<ResponseBody>, GraphError> {
    let RemovePassword { key_id } = odata::body(incoming)?;
    let mut secrets = application.secrets_mut();
    let count = secrets.len();
    secrets.retain(|secret| !secret.key_id.eq_ignore_ascii_case(&key_id));
    match secrets.len() < count {
        true => Ok(wire::no_content()),
        false => Err(GraphError::bad_request(format!("The application has no secret with the key id '{key_id}'."))),
    }
}
