//! OData, as far as the directory's resources need it: <https://learn.microsoft.com/graph/query-parameters>.

use http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::GraphError;
use crate::{
    directory::Directory,
    jwt::Object,
    wire::{self, IncomingRequest, ResponseBody},
};

/// How a path names an object of a collection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `/collection/{id}`
    Id(String),
    /// `/collection(property='value')`
    Alternate { property: String, value: String },
}

impl Key {
    /// The value, whichever property it is of.
    pub(super) fn value(&self) -> &str {
        match self {
            Self::Id(value) | Self::Alternate { value, .. } => value,
        }
    }
}

/// A path below a collection: the key of an object, if there is one, and the segments after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) key: Option<Key>,
    pub(super) rest: Vec<String>,
}

impl Address {
    /// Reads decoded segments that begin at the collection called `collection`; `None` when they begin with another.
    pub(super) fn parse(segments: &[String], collection: &str) -> Option<Self> {
        let (first, rest) = segments.split_first()?;
        match first.strip_prefix(collection)? {
            "" => {
                let key = rest.first().cloned().map(Key::Id);
                Some(Self { key, rest: rest.get(1..).unwrap_or_default().to_vec() })
            }
            alternate => {
                let (property, value) = alternate.strip_prefix('(')?.strip_suffix(')')?.split_once('=')?;
                let value = literal(value)?;
                let key = Some(Key::Alternate { property: property.to_owned(), value });
                Some(Self { key, rest: rest.to_vec() })
            }
        }
    }

    pub(super) fn rest(&self) -> Vec<&str> {
        self.rest.iter().map(String::as_str).collect()
    }
}

/// The segments of a request's path after the version, decoded.
pub(super) fn segments(incoming: &IncomingRequest) -> Vec<String> {
    let decode = |segment: &&str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    incoming.path_segments().iter().skip(1).map(decode).collect()
}

/// A string in quotes, in which a quote is doubled.
fn literal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    let unescaped = inner.replace("''", "'");
    (inner.matches('\'').count() == 2 * unescaped.matches('\'').count()).then_some(unescaped)
}

/// The query options of a request: which objects, and which of their properties.
#[derive(Default)]
pub(super) struct Query {
    /// Properties and the values that they must have.
    filter: Vec<(String, String)>,
    select: Option<Vec<String>>,
    top: Option<usize>,
}

impl Query {
    pub(super) fn parse(incoming: &IncomingRequest) -> Result<Self, GraphError> {
        let mut query = Self::default();
        for (option, value) in incoming.query() {
            match option.as_str() {
                "$filter" => query.filter = parse_filter(&value)?,
                "$select" => query.select = Some(value.split(',').map(|name| name.trim().to_owned()).collect()),
                "$top" => query.top = Some(value.parse().map_err(|_| invalid_option("$top"))?),
                other => return Err(invalid_option(other)),
            }
        }
        Ok(query)
    }

    /// The response with those of `objects` that the query selects.
    pub(super) fn list(
        &self,
        directory: &Directory,
        collection: &str,
        objects: impl IntoIterator<Item = Object>,
    ) -> Result<Response<ResponseBody>, GraphError> {
        let mut values = Vec::new();
        for object in objects {
            let mut matches = true;
            for (property, value) in &self.filter {
                let own = object.get(property).ok_or_else(|| unknown_property(property))?;
                matches &= own.as_str() == Some(value);
            }
            if matches && self.top.is_none_or(|top| values.len() < top) {
                values.push(Value::Object(self.selected(object)?));
            }
        }
        let context = format!("{}/v1.0/$metadata#{collection}", directory.urls.graph);
        Ok(json_response(StatusCode::OK, &json!({"@odata.context": context, "value": values})))
    }

    /// The response with one object.
    pub(super) fn one(
        &self,
        directory: &Directory,
        collection: &str,
        object: Object,
    ) -> Result<Response<ResponseBody>, GraphError> {
        Ok(entity(directory, StatusCode::OK, collection, self.selected(object)?))
    }

    fn selected(&self, object: Object) -> Result<Object, GraphError> {
        let Some(names) = &self.select else { return Ok(object) };
        let select = |name: &String| {
            let value = object.get(name).cloned().ok_or_else(|| unknown_property(name))?;
            Ok((name.clone(), value))
        };
        names.iter().map(select).collect()
    }
}

/// Reads comparisons with `eq`, joined by `and`.
fn parse_filter(text: &str) -> Result<Vec<(String, String)>, GraphError> {
    let unsupported = || {
        let message = "The filter is not supported. The emulated Graph compares properties with texts: a eq 'b' and …";
        GraphError::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    };
    let clause = |clause: &str| {
        let (property, value) = clause.trim().split_once(" eq ")?;
        Some((property.trim().to_owned(), literal(value.trim())?))
    };
    text.split(" and ").map(|text| clause(text).ok_or_else(unsupported)).collect()
}

fn invalid_option(option: &str) -> GraphError {
    GraphError::invalid_request(&format!("The query option '{option}' is invalid, or not supported here."))
}

fn unknown_property(name: &str) -> GraphError {
    GraphError::invalid_request(&format!("There is no property called '{name}'."))
}

/// An object of a collection as a response.
pub(super) fn entity(
    directory: &Directory,
    status: StatusCode,
    collection: &str,
    object: Object,
) -> Response<ResponseBody> {
    let mut body = Map::new();
    let context = format!("{}/v1.0/$metadata#{collection}/$entity", directory.urls.graph);
    body.insert("@odata.context".into(), context.into());
    body.extend(object);
    json_response(status, &Value::Object(body))
}

fn json_response(status: StatusCode, body: &Value) -> Response<ResponseBody> {
    let content_type =
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";
    let mut response = wire::response(status, content_type, "");
    *response.body_mut() = wire::chunked(body.to_string());
    response
}

/// Reads a JSON body. Unknown members are refused, as Graph refuses them.
pub(super) fn body<T: DeserializeOwned>(incoming: &IncomingRequest) -> Result<T, GraphError> {
    let unreadable =
        || GraphError::invalid_request("The body cannot be read. It must be JSON, and the Content-Type must say so.");
    let content_type = incoming.header("content-type").ok_or_else(unreadable)?;
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(unreadable());
    }
    let value: Object = serde_json::from_slice(&incoming.body).map_err(|_| unreadable())?;
    serde_json::from_value(Value::Object(value)).map_err(|error| {
        let error = error.to_string();
        let unknown = error.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        match unknown {
            Some(name) => GraphError::bad_request(format!("Invalid property '{name}'.")),
            None => GraphError::bad_request(format!("A property has an invalid value: {error}.")),
        }
    })
}

/// Whether a request creates the object that it names, if there is none.
pub(super) fn creates_if_missing(incoming: &IncomingRequest) -> bool {
    let preferences = incoming.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences.flat_map(|value| value.split(',')).any(|it| it.trim().eq_ignore_ascii_case("create-if-missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_an_object_by_id_or_by_another_key() {
        let parse = |path: &str| {
            let segments: Vec<String> = path.split('/').map(ToOwned::to_owned).collect();
            Address::parse(&segments, "applications")
        };
        let alternate = |property: &str, value: &str| {
            Some(Key::Alternate { property: property.to_owned(), value: value.to_owned() })
        };
        for (path, key, rest) in [
            ("applications", None, &[][..]),
            ("applications/1", Some(Key::Id("1".to_owned())), &[]),
            ("applications/1/addPassword", Some(Key::Id("1".to_owned())), &["addPassword"]),
            ("applications(uniqueName='a b')", alternate("uniqueName", "a b"), &[]),
            ("applications(appId='it''s')/owners", alternate("appId", "it's"), &["owners"]),
        ] {
            let address = parse(path).unwrap();
            assert_eq!((address.key.as_ref(), address.rest()), (key.as_ref(), rest.to_vec()), "{path}");
        }
        for path in ["", "users", "applications(appId)", "applications(appId=1)", "applications(appId='a'b')"] {
            assert_eq!(parse(path), None, "{path}");
        }
    }

    #[test]
    fn filters_compare_with_texts() {
        let filter = parse_filter("a eq 'x' and bC eq 'it''s'").ok().unwrap();
        assert_eq!(filter, [("a".to_owned(), "x".to_owned()), ("bC".to_owned(), "it's".to_owned())]);
        for text in ["", "a", "a eq x", "a ne 'x'", "a eq 'x' or b eq 'y'", "startswith(a,'x')"] {
            assert!(parse_filter(text).is_err(), "{text}");
        }
    }
}
