//! Microsoft Graph: the request for a profile or a photo, and what its responses mean.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header, response::Parts};
use serde::Deserialize;

use entra_obo::{
    ClaimsChallenge, Downstream, DownstreamToken,
    host::UnixTime,
    toolkit::{Correlation, Members, Reading, Step, call, claims_challenge},
};

use crate::graph::select::Select;

/// Microsoft Graph, as [`Step::service`].
const GRAPH: &str = "Graph";

/// How long Graph may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A profile is a few kilobytes, and read whole: it is passed on only if it is one.
const MAX_PROFILE_BYTES: usize = 1024 * 1024;

/// Photos up to this size are read whole and sent with their length, which costs the caller one packet; larger ones are
/// streamed.
const MAX_WHOLE_PHOTO_BYTES: usize = 64 * 1024;

/// The `Retry-After` of a throttled caller if Graph sends none.
const DEFAULT_WAIT: Duration = Duration::from_secs(10);

/// A longer entity tag is not one of Graph's, and is not sent on.
const MAX_ENTITY_TAG_BYTES: usize = 256;

const GRAPH_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

/// What is requested of Graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// `/me`, all of its default properties or those selected.
    Profile(Option<Select>),
    /// The person's photo; the entity tag is one that the caller has already.
    Photo(Option<HeaderValue>),
}

impl Resource {
    /// The photo, unless the caller already has it, as `If-None-Match` says.
    #[must_use]
    pub fn photo(headers: &HeaderMap) -> Self {
        let tag = headers.get(header::IF_NONE_MATCH).filter(|tag| tag.len() <= MAX_ENTITY_TAG_BYTES);
        Self::Photo(tag.cloned())
    }

    /// The call that asks for it.
    #[must_use]
    pub const fn step(&self) -> Step {
        let max_body = match self {
            Self::Profile(_) => MAX_PROFILE_BYTES,
            Self::Photo(_) => MAX_WHOLE_PHOTO_BYTES,
        };
        Step { service: GRAPH, name: "request", timeout: TIMEOUT, max_body }
    }
}

/// Graph's refusal, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphRefusal {
    /// What it means.
    pub meaning: GraphMeaning,
    /// Graph's status.
    pub status: StatusCode,
    /// `error.code`, the one part that Graph's documents let clients decide by.
    pub graph_code: Option<String>,
    /// Graph's id of the request.
    pub graph_request_id: Option<String>,
}

/// What a refusal means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphMeaning {
    /// The caller's `$select` is wrong.
    Rejected,
    /// The token is not accepted (any more).
    TokenRefused,
    /// A token with these claims is needed.
    ClaimsChallenge(ClaimsChallenge),
    /// The person may not read this.
    Forbidden,
    /// There is no such person, or nothing of what was selected.
    NotFound,
    /// The person has no photo.
    NoPhoto,
    /// Too many requests; when to return.
    Throttled(Duration),
    /// Unavailable for now; when to return.
    Unavailable(Duration),
    /// Broken, or a response that Graph does not document for this request.
    Unusable,
}

/// The request for a resource.
///
/// <https://learn.microsoft.com/graph/api/user-get>, <https://learn.microsoft.com/graph/api/profilephoto-get>
#[must_use]
pub(crate) fn request(
    resource: &Resource,
    token: &DownstreamToken,
    downstream: &Downstream,
    correlation: &Correlation,
) -> Option<Request<Bytes>> {
    let graph = downstream.base_url();
    let (address, accept) = match resource {
        Resource::Profile(None) => (format!("{graph}/v1.0/me"), "application/json"),
        Resource::Profile(Some(select)) => (format!("{graph}/v1.0/me?$select={}", select.as_str()), "application/json"),
        Resource::Photo(_) => (format!("{graph}/v1.0/me/photo/$value"), "image/*"),
    };
    let mut request = Request::get(address)
        .header(header::ACCEPT, accept)
        .header(header::AUTHORIZATION, token.authorization())
        .body(Bytes::new())
        .ok()?;
    if let Resource::Photo(Some(tag)) = resource {
        request.headers_mut().insert(header::IF_NONE_MATCH, tag.clone());
    }
    correlation.add_to(request.headers_mut());
    Some(request)
}

/// Whether a response is what was requested, and not a page of something in between.
#[must_use]
pub(crate) fn is_requested(head: &Parts, reading: &Reading, resource: &Resource) -> bool {
    let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_expected = match resource {
        Resource::Photo(Some(_)) if head.status == StatusCode::NOT_MODIFIED => return true,
        // SVG would be a document of this API's origin, with scripts.
        Resource::Photo(_) => media_type.starts_with("image/") && media_type != "image/svg+xml",
        Resource::Profile(_) => media_type == "application/json" && is_object(reading),
    };
    let is_empty = matches!(reading, Reading::Whole(bytes) if bytes.is_empty());
    head.status == StatusCode::OK && is_expected && !is_empty && !head.headers.contains_key(header::CONTENT_ENCODING)
}

/// Whether the caller already has this photo, as Graph says or by its entity tag, of which `*` is any (RFC 9110 section 13.1.2):
/// Graph may send it again all the same (microsoftgraph/microsoft-graph-docs#5012).
#[must_use]
pub(crate) fn is_held(head: &Parts, resource: &Resource) -> bool {
    let Resource::Photo(Some(held)) = resource else { return false };
    if head.status == StatusCode::NOT_MODIFIED {
        return true;
    }
    let Ok(held) = held.to_str() else { return false };
    let tag = head.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let is_this = |tag: &str| held.split(',').any(|held| opaque_tag(held) == opaque_tag(tag));
    held.trim() == "*" || tag.is_some_and(is_this)
}

/// What two entity tags are compared by, whether they are weak or strong (RFC 9110 section 8.8.3.2).
fn opaque_tag(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Whether a body is one whole JSON object, and not an error that was sent with a status of success.
fn is_object(reading: &Reading) -> bool {
    let Reading::Whole(bytes) = reading else { return false };
    Members::of(bytes).is_ok_and(|members| members.get("error").is_none())
}

/// Codes by which Graph, or the mailbox service behind it, says that there is no mailbox to hold a photo: for guests,
/// personal accounts, people without a licence and mailboxes on premises. They come with 401 and 403 as well.
/// <https://learn.microsoft.com/graph/known-issues>, microsoftgraph/microsoft-graph-docs#8877, #11992,
/// microsoftgraph/msgraph-sdk-dotnet#655, #688
const NO_MAILBOX: [&str; 13] = [
    "AuthenticationError",
    "ErrorEntityNotFound",
    "ErrorInvalidUser",
    "ErrorItemNotFound",
    "ErrorNonExistentMailbox",
    "ImageNotFound",
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotHostedInExchangeOnline",
    "MailboxNotSupportedForRESTAPI",
    "NoPermissionsInAccessToken",
    "OrganizationFromTenantGuidNotFound",
    "ResourceNotFound",
    "UnknownError",
];

impl GraphRefusal {
    /// Whether another token might be accepted.
    #[must_use]
    pub const fn is_of_token(&self) -> bool {
        matches!(self.meaning, GraphMeaning::TokenRefused | GraphMeaning::ClaimsChallenge(_))
    }

    /// Parses a response that is not what was requested.
    ///
    /// <https://learn.microsoft.com/graph/errors>
    #[must_use]
    pub fn parse(resource: &Resource, status: StatusCode, headers: &HeaderMap, body: &[u8], now: UnixTime) -> Self {
        let graph_code = serde_json::from_slice(body)
            .ok()
            .map(|response: ErrorResponse| response.error.code)
            .filter(|code| is_word(code));
        let request_id = headers.get(GRAPH_REQUEST_ID).and_then(|id| id.to_str().ok());
        Self {
            meaning: meaning(resource, status, graph_code.as_deref(), headers, now),
            status,
            graph_request_id: request_id.filter(|id| is_word(id)).map(str::to_owned),
            graph_code,
        }
    }
}

fn meaning(
    resource: &Resource,
    status: StatusCode,
    code: Option<&str>,
    headers: &HeaderMap,
    now: UnixTime,
) -> GraphMeaning {
    let wait = || call::retry_after(headers, now).unwrap_or(DEFAULT_WAIT);
    let is_photo = matches!(resource, Resource::Photo(_));
    let has_no_mailbox = is_photo && code.is_some_and(|code| NO_MAILBOX.contains(&code));
    match status {
        // Graph's pages also have claims challenges with 403.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => match claims_challenge(headers) {
            Some(claims) => GraphMeaning::ClaimsChallenge(claims),
            None if has_no_mailbox => GraphMeaning::NoPhoto,
            None if status == StatusCode::UNAUTHORIZED => GraphMeaning::TokenRefused,
            None => GraphMeaning::Forbidden,
        },
        // The request for a photo is the same for everyone, so it is the person who has none.
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND if is_photo => GraphMeaning::NoPhoto,
        StatusCode::BAD_REQUEST if matches!(resource, Resource::Profile(Some(_))) => GraphMeaning::Rejected,
        StatusCode::NOT_FOUND => GraphMeaning::NotFound,
        StatusCode::TOO_MANY_REQUESTS => GraphMeaning::Throttled(wait()),
        StatusCode::SERVICE_UNAVAILABLE => GraphMeaning::Unavailable(wait()),
        _ if status.as_u16() == 509 => GraphMeaning::Unavailable(wait()),
        _ => GraphMeaning::Unusable,
    }
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    code: String,
}

fn is_word(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::{GraphMeaning, GraphRefusal, Resource};
    use entra_obo::host::UnixTime;

    use crate::graph::select::Select;

    #[test]
    fn a_refusal_blames_what_was_requested() {
        let photo = || Resource::Photo(None);
        let profile = || Resource::Profile(None);
        let selected = || Resource::Profile(Select::parse(Some("$select=shoeSize")).unwrap());
        let cases = [
            // People without a mailbox, guests, personal accounts.
            (photo(), 404, "ImageNotFound", GraphMeaning::NoPhoto),
            (photo(), 404, "ErrorEntityNotFound", GraphMeaning::NoPhoto),
            (photo(), 404, "ErrorNonExistentMailbox", GraphMeaning::NoPhoto),
            (photo(), 404, "ResourceNotFound", GraphMeaning::NoPhoto),
            (photo(), 404, "MailboxNotHostedInExchangeOnline", GraphMeaning::NoPhoto),
            (photo(), 404, "", GraphMeaning::NoPhoto),
            (photo(), 400, "AuthenticationError", GraphMeaning::NoPhoto),
            (photo(), 400, "Request_BadRequest", GraphMeaning::NoPhoto),
            (photo(), 400, "", GraphMeaning::NoPhoto),
            (photo(), 401, "UnknownError", GraphMeaning::NoPhoto),
            (photo(), 401, "NoPermissionsInAccessToken", GraphMeaning::NoPhoto),
            (photo(), 401, "OrganizationFromTenantGuidNotFound", GraphMeaning::NoPhoto),
            (photo(), 403, "MailboxNotEnabledForRESTAPI", GraphMeaning::NoPhoto),
            (photo(), 403, "ErrorAccessDenied", GraphMeaning::Forbidden),
            (photo(), 401, "InvalidAuthenticationToken", GraphMeaning::TokenRefused),
            (photo(), 401, "", GraphMeaning::TokenRefused),
            (photo(), 500, "UnknownError", GraphMeaning::Unusable),
            // Nothing in a plain request is chosen by the caller.
            (profile(), 400, "BadRequest", GraphMeaning::Unusable),
            (profile(), 400, "AuthenticationError", GraphMeaning::Unusable),
            (profile(), 404, "Request_ResourceNotFound", GraphMeaning::NotFound),
            (profile(), 404, "ResourceNotFound", GraphMeaning::NotFound),
            (profile(), 401, "UnknownError", GraphMeaning::TokenRefused),
            (profile(), 403, "Authorization_RequestDenied", GraphMeaning::Forbidden),
            (selected(), 400, "BadRequest", GraphMeaning::Rejected),
            (selected(), 404, "MailboxNotEnabledForRESTAPI", GraphMeaning::NotFound),
            (selected(), 403, "ErrorAccessDenied", GraphMeaning::Forbidden),
        ];
        for (resource, status, code, meaning) in cases {
            let body = if code.is_empty() { "<html>".to_owned() } else { json!({"error": {"code": code}}).to_string() };
            let status = StatusCode::from_u16(status).unwrap();
            let refusal = GraphRefusal::parse(&resource, status, &HeaderMap::new(), body.as_bytes(), UnixTime(0));
            assert_eq!(refusal.meaning, meaning, "{resource:?} {status} {code}");
        }
    }
}
