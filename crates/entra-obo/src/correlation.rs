//! The ids by which a request can be found again, here, at Entra and at Graph.

use std::fmt;

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
    /// The caller's trace if it is well-formed, else a new one.
    pub trace: Trace,
}

/// A request's place in a trace (W3C Trace Context section 3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// `trace-id`
    pub id: Uuid,
    parent_id: u64,
    flags: u8,
}

/// As `traceparent`.
impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, parent_id, flags } = self;
        write!(formatter, "00-{}-{parent_id:016x}-{flags:02x}", id.simple())
    }
}

impl Correlation {
    /// Takes the caller's ids where they are well-formed and makes the others.
    pub fn from_headers<H: Host>(host: &H, headers: &HeaderMap) -> Self {
        let request_id = Builder::from_random_bytes(host.random()).into_uuid();
        let client_request_id = one(headers, &CLIENT_REQUEST_ID).and_then(guid::parse).unwrap_or(request_id);
        let trace = one(headers, &TRACEPARENT).and_then(Trace::parse).unwrap_or_else(|| Trace::new(host));
        Self { request_id, client_request_id, trace }
    }

    /// Adds the ids that Entra and Graph are sent.
    pub fn add_to(&self, headers: &mut HeaderMap) {
        headers.insert(CLIENT_REQUEST_ID, uuid_value(self.client_request_id));
        if let Ok(value) = HeaderValue::try_from(self.trace.to_string()) {
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

impl Trace {
    /// W3C Trace Context section 3.2. A later version begins in the same way, and is sent on as version 00 (section 4.2).
    fn parse(text: &str) -> Option<Self> {
        let (fields, rest) = text.split_at_checked(VERSION_00_LENGTH)?;
        let parts: Vec<&str> = fields.split('-').collect();
        let [version, id, parent_id, flags] = parts.as_slice() else { return None };
        let number = |part: &str, length: usize| {
            let is_hex = part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            is_hex.then(|| u128::from_str_radix(part, 16).ok())?
        };
        let (version, flags) = (number(version, 2)?, number(flags, 2)?);
        let (id, parent_id) = (number(id, 32)?, number(parent_id, 16)?);
        let is_whole = rest.is_empty() || version != 0 && rest.starts_with('-');
        if version == 0xff || !is_whole || id == 0 || parent_id == 0 {
            return None;
        }
        Some(Self { id: Uuid::from_u128(id), parent_id: parent_id.try_into().ok()?, flags: flags.try_into().ok()? })
    }

    fn new<H: Host>(host: &H) -> Self {
        let id = || Builder::from_random_bytes(host.random()).into_uuid();
        Self { id: id(), parent_id: id().as_u64_pair().0, flags: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Trace;

    #[test]
    fn a_traceparent_of_any_version_is_sent_on_as_version_00() {
        let well_formed = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for text in [
            well_formed,
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-comes-later",
        ] {
            assert_eq!(Trace::parse(text).unwrap().to_string(), well_formed, "{text}");
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
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Trace::parse(text), None, "{text}");
        }
    }
}
