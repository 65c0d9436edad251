//! A problem document (RFC 9457) and the headers that go with it.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::{Serialize, Serializer, ser::SerializeMap};
use uuid::Uuid;

use crate::{
    protected_resource::ProtectedResource,
    response::{
        bearer_challenge::BearerChallenge,
        problem_type::{Challenge, ProblemType},
    },
    upstream::call::whole_seconds,
};

/// The `Retry-After` of an outage whose length is unknown.
pub const OUTAGE_WAIT: Duration = Duration::from_secs(5);

/// What a caller receives in place of what was requested.
#[derive(Debug)]
pub struct Problem {
    problem_type: &'static ProblemType,
    detail: &'static str,
    challenge: Option<BearerChallenge>,
    retry_after: Option<Duration>,
    members: Vec<(&'static str, String)>,
}

impl Problem {
    /// A problem of this type, with the detail that the type has.
    #[must_use]
    pub const fn new(problem_type: &'static ProblemType) -> Self {
        let detail = problem_type.detail;
        Self { problem_type, detail, challenge: None, retry_after: None, members: Vec::new() }
    }

    /// The same with a more precise detail.
    #[must_use]
    pub fn with_detail(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }

    /// The same with the challenge that its type asks for, if it asks for one.
    #[must_use]
    pub fn with_challenge(self, challenge: BearerChallenge) -> Self {
        let challenge = match self.problem_type.challenge {
            Challenge::None => return self,
            Challenge::Bare => challenge,
            Challenge::Error(error) => challenge.with("error", error),
            Challenge::Described(error, words) => challenge.with("error", error).with("error_description", words),
            Challenge::Detailed(error) => challenge.with("error", error).with("error_description", self.detail),
        };
        Self { challenge: Some(challenge), ..self }
    }

    /// The same with another parameter in its challenge, if it has one.
    #[must_use]
    pub(crate) fn with_parameter(self, name: &str, value: &str) -> Self {
        Self { challenge: self.challenge.map(|challenge| challenge.with(name, value)), ..self }
    }

    /// The same with the address of this resource's metadata in its challenge, if it has one (RFC 9728 section 5.1).
    #[must_use]
    pub fn with_resource_metadata(self, resource: Option<&ProtectedResource>) -> Self {
        match resource {
            Some(resource) => self.with_parameter("resource_metadata", &resource.metadata_url()),
            None => self,
        }
    }

    /// The same with the time after which another attempt may succeed.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same with another member, if there is a value for it.
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: Option<String>) -> Self {
        self.members.extend(value.map(|value| (name, value)));
        self
    }

    /// The stable identifier of its type.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.problem_type.code
    }

    /// The status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.problem_type.status
    }

    /// The response to the request of this id.
    #[must_use]
    pub fn into_response(self, request_id: Uuid) -> Response<Bytes> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        let status = self.status();
        let document = Document { problem: &self, request_id };
        let body = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        if let Some(challenge) = self.challenge.and_then(BearerChallenge::into_value) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

struct Document<'a> {
    problem: &'a Problem,
    request_id: Uuid,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Problem { detail, members, .. } = self.problem;
        let (status, code) = (self.problem.status(), self.problem.code());
        let mut map = serializer.serialize_map(None)?;
        // RFC 9457 section 4.2.1: the title is then the status's own phrase.
        map.serialize_entry("type", "about:blank")?;
        map.serialize_entry("title", status.canonical_reason().unwrap_or_default())?;
        map.serialize_entry("status", &status.as_u16())?;
        map.serialize_entry("code", code)?;
        map.serialize_entry("detail", detail)?;
        map.serialize_entry("request_id", &self.request_id)?;
        for (name, value) in members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
