//! The emulator's own management interface; Entra has nothing like it.
//!
//! `POST /emulator/token` with a form; the answer is JSON with `access_token`. The fields:
//!
//! - `person` (required)
//! - `resource`: an API by its Application ID URI or client id, otherwise the built-in one. The token has all of its
//!   scopes. For Graph and Key Vault it is one that the Azure CLI gets.
//! - `client_id`: the client, otherwise the built-in single-page application.
//! - `version`: `1.0` or `2.0`, for the built-in API; others choose theirs.
//! - `expires_in`: the seconds left; a negative number if it has expired.
//! - `claims`: a claims challenge as JSON, which the token then meets.

use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::{
    directory::{
        Directory,
        well_known::{GRAPH, KEY_VAULT},
    },
    entra::permission::find_resource,
    tokens::{azure_cli, plan::TokenPlan},
    wire::{self, IncomingRequest, ResponseBody},
};

pub(super) fn respond(directory: &Directory, incoming: &IncomingRequest) -> Response<ResponseBody> {
    match mint(directory, incoming) {
        Ok(token) => wire::json_response(StatusCode::OK, &json!({"access_token": token})),
        Err(problem) => wire::json_response(StatusCode::BAD_REQUEST, &json!({"error": problem})),
    }
}

fn mint(directory: &Directory, incoming: &IncomingRequest) -> Result<String, String> {
    let form = incoming.form().filter(|_| incoming.method == Method::POST);
    let form = form.ok_or("POST a form to this path")?;
    let field = |name| form.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str());
    let name = field("person").ok_or("the form lacks the field `person`")?;
    let person = directory.roster.by_name(name).ok_or_else(|| {
        let names: Vec<String> = directory.roster.listed().iter().map(|person| person.name.clone()).collect();
        format!("there is no person called {name:?}; choose one of {}", names.join(", "))
    })?;
    let mut plan = match (field("resource"), field("version")) {
        (None, None | Some("2.0")) => TokenPlan::for_person(directory, &person),
        (None, Some("1.0")) => {
            let mut plan = TokenPlan::for_person(directory, &person);
            plan.version_1();
            plan
        }
        (None, Some(other)) => return Err(format!("there is no token version {other:?}; use 1.0 or 2.0")),
        (Some(_), Some(_)) => return Err("`version` is for the built-in API alone: others choose theirs".to_owned()),
        (Some(GRAPH), None) => return Ok(azure_cli::sign_for_graph(directory, &person)),
        (Some(KEY_VAULT), None) => return Ok(azure_cli::sign_for_vault(directory, &person)),
        (Some(name), None) => {
            let api = find_resource(directory, Some(name)).map_err(|_| format!("there is no resource {name:?}"))?;
            let client_id = field("client_id").unwrap_or(&directory.spa_client.client_id);
            let client = directory.application(client_id);
            let client = client.ok_or_else(|| format!("there is no application with the client id {client_id:?}"))?;
            let scopes: Vec<String> = api.manifest().scopes().map(|scope| scope.value.clone()).collect();
            TokenPlan::for_client(directory, &api, &client, &person, &scopes.join(" "))
        }
    };
    if let Some(text) = field("expires_in") {
        plan.lasts(text.parse().map_err(|_| format!("`expires_in` is not a number of seconds: {text:?}"))?);
    }
    if let Some(claims) = field("claims") {
        plan.fulfil(claims).map_err(|error| error.to_string())?;
    }
    Ok(plan.sign(directory))
}
