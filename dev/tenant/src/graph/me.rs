//! `GET /v1.0/me`: <https://learn.microsoft.com/graph/api/user-get>.

use http::{HeaderName, Response, StatusCode, header};
use serde_json::{Map, Value};

use super::error::GraphError;
use crate::{
    directory::{
        Directory,
        person::Person,
        user_properties::{DEFAULT_PROPERTIES, find_property},
    },
    wire::{self, IncomingRequest, ResponseBody},
};

pub(super) fn respond(
    directory: &Directory,
    person: &Person,
    incoming: &IncomingRequest,
) -> Result<Response<ResponseBody>, GraphError> {
    let selected = selected_properties(incoming)?;
    let context = match &selected {
        None => "users/$entity".to_owned(),
        Some(names) => format!("users({})/$entity", names.join(",")),
    };
    let mut body = Map::new();
    body.insert("@odata.context".into(), format!("{}/v1.0/$metadata#{context}", directory.urls.graph).into());
    match &selected {
        None => body.extend(DEFAULT_PROPERTIES.map(|name| (name.to_owned(), person.property(name)))),
        // Names of no property are in the context, and nowhere else.
        Some(names) => body.extend(
            names.iter().filter_map(|name| find_property(name)).map(|name| (name.to_owned(), person.property(name))),
        ),
    }
    let content_type =
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
    let mut response = wire::response(StatusCode::OK, content_type, "");
    *response.body_mut() = wire::chunked(Value::Object(body).to_string());
    wire::set_header(&mut response, HeaderName::from_static("odata-version"), "4.0");
    wire::set_header(&mut response, header::VARY, "Accept-Encoding");
    let cost = if selected.is_some() { "1" } else { "2" };
    wire::set_header(&mut response, HeaderName::from_static("x-ms-resource-unit"), cost);
    Ok(response)
}

/// The names in `$select`, those of properties in the properties' own spelling; `None` where it is absent or a lone `*`.
fn selected_properties(incoming: &IncomingRequest) -> Result<Option<Vec<String>>, GraphError> {
    let refuse = |message| GraphError::new(StatusCode::BAD_REQUEST, "BadRequest", message);
    let mut selected = None;
    for (option, value) in incoming.query() {
        match option.as_str() {
            "$select" | "select" if selected.is_some() => {
                return Err(refuse("The query option '$select' occurs more than once.".to_owned()));
            }
            "$select" | "select" => selected = Some(value),
            _ if option.starts_with('$') => {
                return Err(refuse(format!("The query option '{option}' is not supported here.")));
            }
            _ => (),
        }
    }
    let Some(selected) = selected.filter(|selected| selected != "*") else { return Ok(None) };
    let mut names = Vec::new();
    for part in selected.split(',') {
        let part = part.trim();
        if part.is_empty() {
            return Err(refuse("The query option '$select' has an empty name.".to_owned()));
        }
        let name = find_property(part).unwrap_or(part).to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(Some(names))
}
