//! The API's refusals: problem documents (RFC 9457) with a stable `code`.

use bytes::Bytes;
use http::{Response, header};
use serde::Deserialize;

/// The longest word that is taken for a code, and the longest id.
const MAX_WORD: usize = 64;

/// A refusal of the API. Of its members none but `code` decides anything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ApiProblem {
    /// The status of the answer.
    #[serde(skip)]
    pub status: u16,
    /// Seconds to wait.
    #[serde(skip)]
    pub retry_after: Option<u64>,
    /// The stable word for it.
    pub code: String,
    /// What it is, in the API's words.
    pub detail: String,
    /// By which the API's operator finds it in the log.
    pub request_id: Option<String>,
    /// What a claims challenge asks for: JSON.
    pub claims: Option<String>,
    /// Where the person can agree.
    pub consent_url: Option<String>,
    /// Where an administrator can agree for everybody.
    pub admin_consent_url: Option<String>,
    /// Entra's ids of the exchange.
    pub entra_correlation_id: Option<String>,
    /// Entra's ids of the exchange.
    pub entra_trace_id: Option<String>,
    /// Graph's own code.
    pub graph_error_code: Option<String>,
    /// Graph's own id of the request.
    pub graph_request_id: Option<String>,
}

impl ApiProblem {
    /// Reads an answer that is not the one hoped for; `None` if it is no problem document with a code.
    #[must_use]
    pub fn of(response: &Response<Bytes>) -> Option<Self> {
        let read: Self = serde_json::from_slice(response.body()).ok()?;
        if !is_word(&read.code) {
            return None;
        }
        let wait =
            response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Some(Self {
            status: response.status().as_u16(),
            retry_after: wait,
            request_id: read.request_id.filter(|id| is_word(id)),
            ..read
        })
    }
}

/// Whether it may stand in the log: a code or an id, not prose.
fn is_word(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::ApiProblem;

    fn read(body: &'static str) -> Option<ApiProblem> {
        ApiProblem::of(&Response::builder().status(429).header("retry-after", "7").body(Bytes::from(body)).unwrap())
    }

    #[test]
    fn a_problem_has_a_code_or_is_none() {
        let problem = read(r#"{"code":"graph_throttled","detail":"Wait.","request_id":"a b","more":[]}"#).unwrap();
        assert_eq!((problem.status, problem.retry_after, problem.code.as_str()), (429, Some(7), "graph_throttled"));
        assert_eq!(problem.request_id, None);
        for body in ["", "<html>", "{}", "[]", r#"{"code":"Two words"}"#, r#"{"code":""}"#, r#"{"code":1}"#] {
            assert_eq!(read(body), None, "{body}");
        }
    }
}
