//! The ids by which a request can be found again, here, at Entra and at Graph.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::{Builder, Uuid};

use crate::{guid, host::Host};

/// This API's own id of a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// The caller's id of a request, in the header that Entra and Graph use.
pub const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
/// W3C Trace Context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How long a value of version 00 is, and how far one of a later version can be read.
const VERSION_00_LENGTH: usize = 55;

/// The ids of one request.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// New for each request.
    pub request_id: Uuid,
    /// The caller's if it is a GUID, else the same as `request_id`.
    pub client_request_id: Uuid,
    /// The caller's if it is well-formed, else a new one.
    pub traceparent: String,
}

impl Correlation {
    /// Takes the caller's ids where they are well-formed and makes the others.
    pub fn from_headers<H: Host>(host: &H, headers: &HeaderMap) -> Self {
        let request_id = Builder::from_random_bytes(host.random()).into_uuid();
        let client_request_id = one(headers, &CLIENT_REQUEST_ID).and_then(guid::parse).unwrap_or(request_id);
        let traceparent =
            one(headers, &TRACEPARENT).and_then(parse_traceparent).unwrap_or_else(|| new_traceparent(host));
        Self { request_id, client_request_id, traceparent }
    }

    /// Adds the ids that Entra and Graph are sent.
    pub fn add_to(&self, headers: &mut HeaderMap) {
        headers.insert(CLIENT_REQUEST_ID, uuid_value(self.client_request_id));
        if let Ok(value) = HeaderValue::from_str(&self.traceparent) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// Adds the ids that the caller is sent.
    pub fn add_to_response(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, uuid_value(self.request_id));
        self.add_to(headers);
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

fn uuid_value(id: Uuid) -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut buffer)).unwrap_or(HeaderValue::from_static(""))
}

/// W3C Trace Context section 3.2. A later version begins in the same way, and is sent on as version 00 (section 4.2).
fn parse_traceparent(text: &str) -> Option<String> {
    let (fields, rest) = text.split_at_checked(VERSION_00_LENGTH)?;
    let parts: Vec<&str> = fields.split('-').collect();
    let [version, trace_id, parent_id, flags] = parts.as_slice() else { return None };
    let is_hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &str, length| is_hex(part, length) && part.bytes().any(|byte| byte != b'0');
    let is_version = is_hex(version, 2) && *version != "ff";
    let is_whole = if *version == "00" { rest.is_empty() } else { rest.is_empty() || rest.starts_with('-') };
    let is_well_formed = is_version && is_whole && is_id(trace_id, 32) && is_id(parent_id, 16) && is_hex(flags, 2);
    is_well_formed.then(|| format!("00-{trace_id}-{parent_id}-{flags}"))
}

fn new_traceparent<H: Host>(host: &H) -> String {
    let trace_id = Builder::from_random_bytes(host.random()).into_uuid().simple();
    let parent_id = Builder::from_random_bytes(host.random()).into_uuid().simple().to_string();
    format!("00-{trace_id}-{}-00", parent_id.get(..16).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::parse_traceparent;

    #[test]
    fn a_traceparent_of_any_version_is_sent_on_as_version_00() {
        let well_formed = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for text in [
            well_formed,
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later",
        ] {
            assert_eq!(parse_traceparent(text).as_deref(), Some(well_formed), "{text}");
        }
        for text in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01",
        ] {
            assert_eq!(parse_traceparent(text), None, "{text}");
        }
    }
}
