//! The API's refusals: problem documents (RFC 9457) with a stable `code`.

use std::time::Duration;

use bytes::Bytes;
use entra_obo::{host::UnixTime, toolkit::call::retry_after};
use http::{Response, StatusCode};
use serde::Deserialize;

/// The longest code or id, in bytes.
const MAX_CODE: usize = 64;

/// A refusal by the API. Only `code` and the status decide what happens next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiProblem {
    /// The status of the response.
    #[serde(skip)]
    pub(crate) status: StatusCode,
    /// How long to wait.
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
    /// Its stable name.
    pub(crate) code: String,
    /// The API's explanation.
    pub(crate) detail: String,
    /// Finds the request in the API's log.
    pub(crate) request_id: Option<String>,
    /// The claims that a challenge requests, as JSON.
    pub(crate) claims: Option<String>,
    /// Where the person can consent.
    pub(crate) consent_url: Option<String>,
    /// Where an administrator can consent for the organization.
    pub(crate) admin_consent_url: Option<String>,
    /// Finds the exchange in Entra's log.
    pub(crate) entra_correlation_id: Option<String>,
    /// Finds the request in Entra's log.
    pub(crate) entra_trace_id: Option<String>,
    /// Graph's error code.
    pub(crate) graph_error_code: Option<String>,
    /// Finds the request in Graph's log.
    pub(crate) graph_request_id: Option<String>,
}

impl ApiProblem {
    /// Parses an error response; `None` if it is not a problem document with a code.
    #[must_use]
    pub(crate) fn parse(response: &Response<Bytes>, now: UnixTime) -> Option<Self> {
        let problem: Self = serde_json::from_slice(response.body()).ok()?;
        if !is_code(&problem.code) {
            return None;
        }
        Some(Self {
            status: response.status(),
            retry_after: retry_after(response.headers(), now),
            request_id: problem.request_id.filter(|id| is_code(id)),
            ..problem
        })
    }
}

/// Whether the log may hold it: a code or an id, not prose.
fn is_code(text: &str) -> bool {
    (1..=MAX_CODE).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use entra_obo::host::UnixTime;
    use http::Response;

    use super::ApiProblem;

    fn parse(body: &'static str) -> Option<ApiProblem> {
        ApiProblem::parse(
            &Response::builder().status(429).header("retry-after", "7").body(Bytes::from(body)).unwrap(),
            UnixTime(0),
        )
    }

    #[test]
    fn a_problem_has_a_code() {
        let problem = parse(r#"{"code":"graph_throttled","detail":"Wait.","request_id":"a b","more":[]}"#).unwrap();
        assert_eq!(
            (problem.status.as_u16(), problem.retry_after, problem.code.as_str()),
            (429, Some(Duration::from_secs(7)), "graph_throttled")
        );
        assert_eq!(problem.request_id, None);
        for body in ["", "<html>", "{}", "[]", r#"{"code":"Two words"}"#, r#"{"code":""}"#, r#"{"code":1}"#] {
            assert_eq!(parse(body), None, "{body}");
        }
    }
}
