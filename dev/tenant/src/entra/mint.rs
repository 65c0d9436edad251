//! The emulator's own management interface; Entra has nothing like it.
//!
//! `POST /emulator/token` with a form: `person` (required), `claims` (a claims challenge as JSON, which the
//! token then meets), `version` (`1.0` or `2.0`) and `resource` (of Graph or of Key Vault: the token is then one that the
//! Azure CLI gets). The answer is JSON with `access_token`.

use http::{Method, Response, StatusCode};
use serde_json::json;

use crate::{
    directory::{
        Directory,
        well_known::{GRAPH, KEY_VAULT},
    },
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
    match field("resource") {
        None => {}
        Some(GRAPH) => return Ok(azure_cli::sign_for_graph(directory, &person)),
        Some(KEY_VAULT) => return Ok(azure_cli::sign_for_vault(directory, &person)),
        Some(other) => return Err(format!("there is no resource {other:?}; use {GRAPH} or {KEY_VAULT}")),
    }
    let mut plan = TokenPlan::for_person(directory, &person);
    match field("version") {
        None | Some("2.0") => (),
        Some("1.0") => plan.version_1(),
        Some(other) => return Err(format!("there is no token version {other:?}; use 1.0 or 2.0")),
    }
    if let Some(claims) = field("claims") {
        plan.fulfil(claims).map_err(|error| error.to_string())?;
    }
    Ok(plan.sign(directory))
}
