//! What Entra's refusals of an exchange mean for the caller.
//!
//! Entra asks clients to decide by `error`, and says that its AADSTS codes may change at any time; so the order is
//! `claims`, then `suberror`, then `error`, and codes only where the three say the same about different things.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use crate::{host::UnixTime, strict_json, upstream};

/// What the caller is told to wait where Entra throttles and does not say how long: MSAL's own figure.
const DEFAULT_THROTTLE: Duration = Duration::from_secs(60);

/// The longest claims challenge that is passed on; it has to fit into a header.
const MAX_CLAIMS_BYTES: usize = 4096;

/// Entra's refusal, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExchangeRefusal {
    /// What it means.
    pub meaning: Meaning,
    /// `error` and the codes, for the log.
    pub summary: String,
    /// `correlation_id`
    pub correlation_id: Option<String>,
    /// `trace_id`
    pub trace_id: Option<String>,
}

/// What a refusal means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The person must sign in again in a way that satisfies these claims: multi-factor, a managed device, and so on.
    ClaimsChallenge(String),
    /// The person must sign in again.
    InteractionRequired,
    /// The caller's token is over or revoked; a new one is needed.
    AssertionRefused,
    /// Nobody has agreed that this API may call Graph for this person.
    ConsentRequired,
    /// This person may not, whatever they do.
    AccessDenied,
    /// This API's own credential was refused.
    CredentialRefused,
    /// Something else that the operator alone can mend.
    OperatorFault,
    /// Entra asks to come back later.
    Throttled {
        /// When.
        retry_after: Duration,
        /// Who is asked.
        throttle: Throttle,
    },
    /// Entra is out of order.
    Unavailable(Option<Duration>),
    /// Not an answer that Entra documents.
    Unusable,
}

/// Whose requests Entra throttles.
///
/// Microsoft documents a loop of one person's requests (AADSTS50196), blocked directories (AADSTS90055), and status 429 for
/// applications that ask for tokens of their own. For a person's request 429 is documented by no page, so it is taken to be
/// about that person: one caller must not block the others.
/// <https://learn.microsoft.com/entra/msal/dotnet/advanced/client-and-server-throttling>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Those with this token.
    Token,
    /// This person's.
    Person,
    /// Everybody's of this directory.
    Directory,
}

impl Meaning {
    /// How long a repeated exchange of the same token would bring the same refusal: as long as Entra says, or as long as
    /// it takes somebody to change what the refusal is about. `None` for what may pass at any moment.
    #[must_use]
    pub fn pause(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Throttled { retry_after, .. } => return Some((*retry_after).max(Duration::from_secs(1))),
            Self::Unavailable(wait) => return *wait,
            Self::Unusable => return None,
            // Another token is needed, and another is another caller here.
            Self::ClaimsChallenge(_) | Self::AssertionRefused => 60,
            // Done with the token at hand, at Entra's pages or by an administrator.
            Self::InteractionRequired | Self::AccessDenied => 15,
            Self::ConsentRequired => 5,
            // By the operator.
            Self::CredentialRefused | Self::OperatorFault => 10,
        };
        Some(Duration::from_secs(seconds))
    }
}

/// Entra counts too many like requests by one client and person. It comes as `invalid_grant`, like an expired token,
/// but signing in again cannot mend it.
const LOOP_DETECTED: u32 = 50196;
const TENANT_THROTTLED: u32 = 90055;

/// Entra does not accept the audience that this API accepted: the registration and the settings differ.
const ASSERTION_AUDIENCE: u32 = 500131;

/// Consent is missing, by the person, by an administrator.
const CONSENT: [u32; 3] = [65001, 90094, 90095];

/// The person declined; is not assigned to the application; is blocked by Conditional Access; is disabled, unknown or a
/// guest who may not; a policy between directories forbids it.
const DENIED: [u32; 20] = [
    65004, 50105, 501051, 53000, 53001, 53002, 53003, 53004, 50131, 530032, 530034, 530035, 50057, 50034, 51004, 50020,
    50014, 500212, 500213, 7000112,
];

/// Entra is busy or waits for one of its parts.
const TRANSIENT: [u32; 6] = [90033, 90024, 50033, 90006, 90012, 90090];

/// The members that are looked at. One that is absent or of another type than documented is empty, so that it takes
/// nothing from what the others say.
#[derive(Default)]
struct Body {
    error: String,
    error_codes: Vec<u32>,
    suberror: String,
    claims: String,
    correlation_id: String,
    trace_id: String,
}

impl Body {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut members: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
        let codes = members.remove("error_codes").map(error_codes).unwrap_or_default();
        let mut text = |name: &str| match members.remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let mut body = Self {
            error: text("error"),
            error_codes: codes,
            suberror: text("suberror"),
            claims: String::new(),
            correlation_id: text("correlation_id"),
            trace_id: text("trace_id"),
        };
        body.claims = match members.remove("claims") {
            Some(Value::String(text)) => text,
            Some(Value::Object(object)) => Value::Object(object).to_string(),
            _ => String::new(),
        };
        (!body.error.is_empty()).then_some(body)
    }
}

fn error_codes(value: Value) -> Vec<u32> {
    let Value::Array(values) = value else { return Vec::new() };
    let code = |value: &Value| match value {
        Value::Number(number) => number.as_u64().and_then(|code| code.try_into().ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    values.iter().filter_map(code).collect()
}

impl ExchangeRefusal {
    /// Reads an answer of the token endpoint that is not a token.
    #[must_use]
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], now: UnixTime) -> Self {
        let wait = upstream::retry_after(headers, now);
        let body = Body::read(body);
        let meaning = meaning(status, wait, body.as_ref());
        let body = body.unwrap_or_default();
        Self {
            meaning,
            summary: summary(status, &body),
            correlation_id: printable_id(body.correlation_id),
            trace_id: printable_id(body.trace_id),
        }
    }
}

fn meaning(status: StatusCode, wait: Option<Duration>, body: Option<&Body>) -> Meaning {
    let has = |codes: &[u32]| body.is_some_and(|body| body.error_codes.iter().any(|code| codes.contains(code)));
    if status == StatusCode::TOO_MANY_REQUESTS || has(&[TENANT_THROTTLED, LOOP_DETECTED]) {
        let throttle = if has(&[LOOP_DETECTED]) {
            Throttle::Token
        } else if has(&[TENANT_THROTTLED]) {
            Throttle::Directory
        } else {
            Throttle::Person
        };
        return Meaning::Throttled { retry_after: wait.unwrap_or(DEFAULT_THROTTLE), throttle };
    }
    if status.is_server_error() || has(&TRANSIENT) {
        return Meaning::Unavailable(wait);
    }
    let Some(body) = body else { return Meaning::Unusable };
    if let Some(claims) = claims_challenge(&body.claims) {
        return Meaning::ClaimsChallenge(claims);
    }
    match body.suberror.as_str() {
        "consent_required" => return Meaning::ConsentRequired,
        "bad_token" | "token_expired" => return Meaning::AssertionRefused,
        "basic_action" | "additional_action" | "user_password_expired" => return Meaning::InteractionRequired,
        "message_only" | "client_mismatch" | "protection_policy_required" => return Meaning::AccessDenied,
        _ => {}
    }
    match body.error.as_str() {
        "consent_required" => Meaning::ConsentRequired,
        "access_denied" => Meaning::AccessDenied,
        "invalid_grant" | "interaction_required" | "login_required" if has(&CONSENT) => Meaning::ConsentRequired,
        "invalid_grant" | "interaction_required" | "login_required" if has(&DENIED) => Meaning::AccessDenied,
        "interaction_required" | "login_required" => Meaning::InteractionRequired,
        "invalid_grant" if has(&[ASSERTION_AUDIENCE]) => Meaning::OperatorFault,
        "invalid_grant" => Meaning::AssertionRefused,
        "invalid_client" => Meaning::CredentialRefused,
        "temporarily_unavailable" | "server_error" => Meaning::Unavailable(wait),
        _ => Meaning::OperatorFault,
    }
}

/// The claims that a challenge asks for: a JSON object of a size that a header can carry.
#[must_use]
pub fn claims_challenge(claims: &str) -> Option<String> {
    if claims.is_empty() || claims.len() > MAX_CLAIMS_BYTES {
        return None;
    }
    let object = strict_json::object(claims.as_bytes()).ok()?;
    // Written anew, a number can be longer: 1e15 becomes 1000000000000000.0.
    Some(Value::Object(object).to_string()).filter(|claims| claims.len() <= MAX_CLAIMS_BYTES)
}

fn summary(status: StatusCode, body: &Body) -> String {
    let known = |text: &str| !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let mut summary = format!("status {}", status.as_u16());
    for text in [&body.error, &body.suberror] {
        if known(text) {
            summary = format!("{summary} {text}");
        }
    }
    for code in body.error_codes.iter().take(4) {
        summary = format!("{summary} AADSTS{code}");
    }
    summary
}

/// An id of Entra's, if it can stand in a header and a log.
fn printable_id(id: String) -> Option<String> {
    let printable = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    printable.then_some(id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
    use serde_json::{Value, json};

    use super::{ExchangeRefusal, Meaning, Throttle};
    use crate::host::UnixTime;

    const CLAIMS: &str = r#"{"access_token":{"capolids":{"essential":true,"values":["c"]}}}"#;

    fn read(status: u16, body: &Value) -> Meaning {
        let status = StatusCode::from_u16(status).unwrap();
        ExchangeRefusal::read(status, &HeaderMap::new(), body.to_string().as_bytes(), UnixTime(0)).meaning
    }

    #[test]
    fn a_member_of_another_type_takes_nothing_from_the_others() {
        let odd = [
            ("claims", json!(null)),
            ("suberror", json!(null)),
            ("error_codes", json!(null)),
            ("error_codes", json!(["65001"])),
            ("error_codes", json!([65001, 99_999_999_999_u64])),
            ("trace_id", json!(1)),
            ("correlation_id", json!({})),
        ];
        for (name, value) in odd {
            let mut body = json!({"error": "consent_required", "error_codes": [65001], "trace_id": "t"});
            body[name] = value;
            assert_eq!(read(400, &body), Meaning::ConsentRequired, "{body}");
        }
        let claims: Value = serde_json::from_str(CLAIMS).unwrap();
        let body = json!({"error": "interaction_required", "claims": claims});
        assert_eq!(read(400, &body), Meaning::ClaimsChallenge(CLAIMS.to_owned()));
    }

    #[test]
    fn each_documented_refusal_has_its_meaning() {
        let challenge = || Meaning::ClaimsChallenge(CLAIMS.to_owned());
        let throttled = |throttle| Meaning::Throttled { retry_after: Duration::from_secs(60), throttle };
        let cases = [
            (
                400,
                json!({"error": "interaction_required", "suberror": "basic_action", "error_codes": [50076], "claims": CLAIMS}),
                challenge(),
            ),
            (
                400,
                json!({"error": "invalid_grant", "suberror": "message_only", "error_codes": [53003], "claims": CLAIMS}),
                challenge(),
            ),
            (
                400,
                json!({"error": "interaction_required", "suberror": "basic_action", "error_codes": [50076]}),
                Meaning::InteractionRequired,
            ),
            (
                400,
                json!({"error": "interaction_required", "error_codes": [50079], "claims": "not json"}),
                Meaning::InteractionRequired,
            ),
            (400, json!({"error": "interaction_required", "error_codes": [53003]}), Meaning::AccessDenied),
            (
                400,
                json!({"error": "invalid_grant", "suberror": "message_only", "error_codes": [53003]}),
                Meaning::AccessDenied,
            ),
            (
                400,
                json!({"error": "invalid_grant", "suberror": "consent_required", "error_codes": [65001]}),
                Meaning::ConsentRequired,
            ),
            (400, json!({"error": "invalid_grant", "error_codes": [90094]}), Meaning::ConsentRequired),
            (400, json!({"error": "consent_required"}), Meaning::ConsentRequired),
            (400, json!({"error": "invalid_grant", "error_codes": [65004]}), Meaning::AccessDenied),
            (400, json!({"error": "invalid_grant", "error_codes": [50105]}), Meaning::AccessDenied),
            (400, json!({"error": "invalid_grant", "error_codes": [50057]}), Meaning::AccessDenied),
            (400, json!({"error": "invalid_grant", "error_codes": [50013]}), Meaning::AssertionRefused),
            (400, json!({"error": "invalid_grant", "error_codes": [500133]}), Meaning::AssertionRefused),
            (
                400,
                json!({"error": "invalid_grant", "suberror": "bad_token", "error_codes": [50173]}),
                Meaning::AssertionRefused,
            ),
            (
                400,
                json!({"error": "invalid_grant", "suberror": "token_expired", "error_codes": [70043]}),
                Meaning::AssertionRefused,
            ),
            (400, json!({"error": "invalid_grant", "error_codes": [500131]}), Meaning::OperatorFault),
            (400, json!({"error": "invalid_grant", "error_codes": [50196]}), throttled(Throttle::Token)),
            (400, json!({"error": "invalid_request", "error_codes": [90055]}), throttled(Throttle::Directory)),
            (429, json!({"error": "temporarily_unavailable"}), throttled(Throttle::Person)),
            (429, json!("not an object"), throttled(Throttle::Person)),
            (401, json!({"error": "invalid_client", "error_codes": [7000215]}), Meaning::CredentialRefused),
            (401, json!({"error": "invalid_client", "error_codes": [7000222]}), Meaning::CredentialRefused),
            (400, json!({"error": "unauthorized_client", "error_codes": [700016]}), Meaning::OperatorFault),
            (400, json!({"error": "invalid_scope", "error_codes": [70011]}), Meaning::OperatorFault),
            (400, json!({"error": "invalid_resource", "error_codes": [500011]}), Meaning::OperatorFault),
            (400, json!({"error": "never heard of"}), Meaning::OperatorFault),
            (400, json!({"error": "invalid_request", "error_codes": [90033]}), Meaning::Unavailable(None)),
            (503, json!({"error": "temporarily_unavailable"}), Meaning::Unavailable(None)),
            (500, json!([]), Meaning::Unavailable(None)),
            (400, json!([]), Meaning::Unusable),
            (400, json!({"message": "?"}), Meaning::Unusable),
            (302, json!({}), Meaning::Unusable),
        ];
        for (status, body, meaning) in cases {
            assert_eq!(read(status, &body), meaning, "{status} {body}");
        }
    }

    #[test]
    fn waits_and_ids_are_read_and_nothing_unprintable_is_kept() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7.5"))]);
        let body = json!({"error": "invalid_request\r\nx: y", "error_codes": [90055], "error_description": "secret words",
                          "correlation_id": "c-1", "trace_id": "t\r\n"});
        let refusal =
            ExchangeRefusal::read(StatusCode::BAD_REQUEST, &headers, body.to_string().as_bytes(), UnixTime(0));
        let retry_after = Duration::from_millis(7500);
        assert_eq!(refusal.meaning, Meaning::Throttled { retry_after, throttle: Throttle::Directory });
        assert_eq!(refusal.summary, "status 400 AADSTS90055");
        assert_eq!((refusal.correlation_id.as_deref(), refusal.trace_id), (Some("c-1"), None));
    }
}
