//! What Entra's refusals of an exchange mean for the caller.
//!
//! Entra asks clients to decide by `error`, and says that its AADSTS codes may change at any time. But one `error`
//! covers causes that need different remedies: an `invalid_grant` may be an expired token, missing consent, a blocked
//! account or a busy server. So a response is judged in this order, and the first item that says something decides:
//!
//! 1. the status, and the codes of `aadsts` by which Entra asks to come back later, since they come under any `error`;
//! 2. `suberror` `message_only`, which says that nothing the person does will help, even if `claims` come with it;
//! 3. `claims`, which say exactly what will help;
//! 4. any other `suberror`;
//! 5. the codes of `aadsts`;
//! 6. `error`.
//!
//! A code that is not listed, or that Entra replaces by another, falls through to `error`.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    claims_challenge::ClaimsChallenge,
    exchange::aadsts::{Code, Throttle, known_code},
    guid::PERSONAL_ACCOUNTS,
    host::UnixTime,
    policy::Tenancy,
    upstream::call,
};

/// How long a caller should wait if Entra throttles without saying how long: MSAL's own figure.
const DEFAULT_THROTTLE: Duration = Duration::from_secs(60);

/// Entra's refusal of an exchange, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum Meaning {
    /// The person must sign in again in a way that satisfies these claims: multi-factor, a managed device, and so on.
    ClaimsChallenge(ClaimsChallenge),
    /// The person must sign in again.
    InteractionRequired,
    /// The caller's token has expired or was revoked; a new one is needed.
    AssertionRefused,
    /// The caller's token is an application's own, although it did not look like one here.
    AppOnly,
    /// Nobody has consented to this API calling the downstream API for this person.
    ConsentRequired,
    /// This person may not do this, and nothing that they do changes it.
    AccessDenied,
    /// This API's own credential was refused.
    CredentialRefused,
    /// Something else that only the operator can fix.
    OperatorFault,
    /// Entra asks to come back later.
    Throttled {
        /// After this time.
        retry_after: Duration,
        /// Whose requests are throttled.
        throttle: Throttle,
    },
    /// Entra is unavailable.
    Unavailable(Option<Duration>),
    /// Not a response that Entra documents.
    Unusable,
}

impl Meaning {
    /// The same for an application token. There is no person who could sign in, consent or be denied, so the cause is
    /// in the registration or in the directory.
    #[must_use]
    pub(crate) fn of_application(self) -> Self {
        match self {
            Self::ClaimsChallenge(_)
            | Self::InteractionRequired
            | Self::AssertionRefused
            | Self::AppOnly
            | Self::ConsentRequired
            | Self::AccessDenied => Self::OperatorFault,
            Self::CredentialRefused
            | Self::OperatorFault
            | Self::Throttled { .. }
            | Self::Unavailable(_)
            | Self::Unusable => self,
        }
    }

    /// For how long another exchange of the same token would be refused in the same way: as long as Entra says, or
    /// until someone can have removed the cause. `None` if the cause may pass at any moment.
    #[must_use]
    pub(crate) fn pause(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Throttled { retry_after, .. } => return Some((*retry_after).max(Duration::from_secs(1))),
            Self::Unavailable(wait) => return *wait,
            Self::Unusable => return None,
            // The caller needs another token, and that counts as another caller here.
            Self::ClaimsChallenge(_) | Self::AssertionRefused | Self::AppOnly => 60,
            // Resolved without another token, on Entra's pages or by an administrator.
            Self::InteractionRequired | Self::AccessDenied => 15,
            Self::ConsentRequired => 5,
            // By the operator.
            Self::CredentialRefused | Self::OperatorFault => 10,
        };
        Some(Duration::from_secs(seconds))
    }
}

/// The members that count. One that is absent or not of its documented type is empty, so that the others still count.
#[derive(Default)]
struct ErrorResponse {
    error: String,
    error_codes: Vec<u32>,
    suberror: String,
    claims: String,
    correlation_id: String,
    trace_id: String,
}

impl ErrorResponse {
    fn parse(bytes: &[u8]) -> Option<Self> {
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

/// The AADSTS codes in the body of a refusal.
pub(crate) fn codes(body: &[u8]) -> Vec<u32> {
    ErrorResponse::parse(body).map(|body| body.error_codes).unwrap_or_default()
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

/// At which directory an exchange was requested, and whose tokens are accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The caller's directory.
    pub(crate) tenant_id: Uuid,
    /// Whose tokens are accepted.
    pub(crate) tenancy: &'a Tenancy,
}

impl ExchangeRefusal {
    /// Parses a response of the token endpoint that is not a token.
    #[must_use]
    pub(crate) fn parse(status: StatusCode, headers: &HeaderMap, body: &[u8], now: UnixTime, asked: Asked<'_>) -> Self {
        let wait = call::retry_after(headers, now);
        let body = ErrorResponse::parse(body);
        let meaning = meaning(status, wait, body.as_ref(), asked);
        let body = body.unwrap_or_default();
        Self {
            meaning,
            summary: summary(status, &body),
            correlation_id: printable_id(body.correlation_id),
            trace_id: printable_id(body.trace_id),
        }
    }
}

fn meaning(status: StatusCode, wait: Option<Duration>, body: Option<&ErrorResponse>, asked: Asked<'_>) -> Meaning {
    let code = body.and_then(|body| known_code(&body.error_codes)).map(|(code, _)| code);
    let throttle = match code {
        Some(Code::Throttled(throttle)) => Some(throttle),
        _ => (status == StatusCode::TOO_MANY_REQUESTS).then_some(Throttle::Person),
    };
    if let Some(throttle) = throttle {
        return Meaning::Throttled { retry_after: wait.unwrap_or(DEFAULT_THROTTLE), throttle };
    }
    if status.is_server_error() || code == Some(Code::Busy) {
        return Meaning::Unavailable(wait);
    }
    let Some(body) = body else { return Meaning::Unusable };
    if body.suberror == "message_only" {
        return Meaning::AccessDenied;
    }
    if let Some(claims) = ClaimsChallenge::parse(&body.claims) {
        return Meaning::ClaimsChallenge(claims);
    }
    match body.suberror.as_str() {
        "consent_required" => return Meaning::ConsentRequired,
        "bad_token" | "token_expired" => return Meaning::AssertionRefused,
        "basic_action" | "additional_action" | "user_password_expired" => return Meaning::InteractionRequired,
        "client_mismatch" | "protection_policy_required" => return Meaning::AccessDenied,
        _ => {}
    }
    // With a single tenant, the directory that lacks this API is the operator's own.
    let of_several = |meaning| match asked.tenancy {
        Tenancy::Several { .. } => meaning,
        Tenancy::Single(_) => Meaning::OperatorFault,
    };
    match code {
        Some(Code::Consent) => return Meaning::ConsentRequired,
        Some(Code::TokenOrConsent) if asked.tenant_id == PERSONAL_ACCOUNTS => return Meaning::ConsentRequired,
        Some(Code::Absent) => return of_several(Meaning::ConsentRequired),
        Some(Code::Disabled) => return of_several(Meaning::AccessDenied),
        Some(Code::AppOnly) => return Meaning::AppOnly,
        Some(Code::Denied) => return Meaning::AccessDenied,
        Some(Code::SignIn) => return Meaning::InteractionRequired,
        Some(Code::Token | Code::TokenOrConsent) => return Meaning::AssertionRefused,
        Some(Code::Credential) => return Meaning::CredentialRefused,
        Some(Code::Operator) => return Meaning::OperatorFault,
        Some(Code::Throttled(_) | Code::Busy) | None => {}
    }
    match body.error.as_str() {
        "consent_required" => Meaning::ConsentRequired,
        "access_denied" => Meaning::AccessDenied,
        "interaction_required" | "login_required" => Meaning::InteractionRequired,
        "invalid_grant" => Meaning::AssertionRefused,
        "invalid_client" => Meaning::CredentialRefused,
        // Most often the application was not added to the caller's directory.
        "unauthorized_client" => of_several(Meaning::ConsentRequired),
        "temporarily_unavailable" | "server_error" => Meaning::Unavailable(wait),
        _ => Meaning::OperatorFault,
    }
}

fn summary(status: StatusCode, body: &ErrorResponse) -> String {
    let known = |text: &str| !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_graphic());
    let mut summary = format!("status {}", status.as_u16());
    for text in [&body.error, &body.suberror] {
        if known(text) {
            summary = format!("{summary} {text}");
        }
    }
    for code in body.error_codes.iter().take(4) {
        summary = format!("{summary} AADSTS{code}");
        if let Some((_, reason)) = known_code(std::slice::from_ref(code)) {
            summary = format!("{summary} ({reason})");
        }
    }
    summary
}

/// One of Entra's ids, if it is fit for a header and a log.
fn printable_id(id: String) -> Option<String> {
    let printable = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    printable.then_some(id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::{Asked, ExchangeRefusal, Meaning, PERSONAL_ACCOUNTS};
    use crate::{
        claims_challenge::ClaimsChallenge,
        exchange::aadsts::{CODES, Code, Throttle},
        host::UnixTime,
        policy::Tenancy,
    };

    const CLAIMS: &str = r#"{"access_token":{"capolids":{"essential":true,"values":["c"]}}}"#;
    const ORGANISATION: Uuid = Uuid::from_u128(1);
    const SINGLE: Tenancy = Tenancy::Single(ORGANISATION);

    fn several() -> Tenancy {
        Tenancy::Several { authority: "common", allowed: vec![ORGANISATION, PERSONAL_ACCOUNTS] }
    }

    fn read_of(asked: Asked<'_>, status: u16, body: &Value) -> Meaning {
        let status = StatusCode::from_u16(status).unwrap();
        ExchangeRefusal::parse(status, &HeaderMap::new(), body.to_string().as_bytes(), UnixTime(0), asked).meaning
    }

    fn read(status: u16, body: &Value) -> Meaning {
        read_of(Asked { tenant_id: ORGANISATION, tenancy: &SINGLE }, status, body)
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
        assert_eq!(read(400, &body), Meaning::ClaimsChallenge(ClaimsChallenge::parse(CLAIMS).unwrap()));
    }

    #[test]
    fn each_documented_refusal_has_its_meaning() {
        let challenge = || Meaning::ClaimsChallenge(ClaimsChallenge::parse(CLAIMS).unwrap());
        let throttled = |throttle| Meaning::Throttled { retry_after: Duration::from_secs(60), throttle };
        // (status, error, suberror, codes, claims)
        let cases = [
            (400, "interaction_required", "basic_action", vec![50076], CLAIMS, challenge()),
            (400, "invalid_grant", "basic_action", vec![50076], CLAIMS, challenge()),
            (400, "interaction_required", "", vec![50079], CLAIMS, challenge()),
            (400, "interaction_required", "", vec![53000], CLAIMS, challenge()),
            (400, "interaction_required", "basic_action", vec![50076], "", Meaning::InteractionRequired),
            (400, "interaction_required", "", vec![50079], "not json", Meaning::InteractionRequired),
            // Blocked by Conditional Access, as recorded in 2025 and in 2023.
            (400, "invalid_grant", "message_only", vec![53003], CLAIMS, Meaning::AccessDenied),
            (400, "invalid_grant", "message_only", vec![53003], "", Meaning::AccessDenied),
            (400, "interaction_required", "", vec![53003], "", Meaning::AccessDenied),
            (400, "interaction_required", "message_only", vec![], "", Meaning::AccessDenied),
            (400, "invalid_grant", "protection_policy_required", vec![], "", Meaning::AccessDenied),
            (400, "invalid_grant", "client_mismatch", vec![], "", Meaning::AccessDenied),
            (400, "access_denied", "", vec![], "", Meaning::AccessDenied),
            (400, "invalid_grant", "consent_required", vec![65001], "", Meaning::ConsentRequired),
            (400, "consent_required", "", vec![], "", Meaning::ConsentRequired),
            (400, "invalid_grant", "bad_token", vec![50173], "", Meaning::AssertionRefused),
            (400, "invalid_grant", "token_expired", vec![70043], "", Meaning::AssertionRefused),
            (400, "invalid_grant", "", vec![], "", Meaning::AssertionRefused),
            (400, "interaction_required", "", vec![], "", Meaning::InteractionRequired),
            (400, "login_required", "", vec![], "", Meaning::InteractionRequired),
            // Two codes, the first of which says nothing.
            (400, "invalid_grant", "", vec![70002, 70008], "", Meaning::AssertionRefused),
            (400, "invalid_grant", "", vec![50013, 50057], "", Meaning::AccessDenied),
            (400, "invalid_grant", "", vec![50196], "", throttled(Throttle::Token)),
            (400, "invalid_grant", "", vec![50196], CLAIMS, throttled(Throttle::Token)),
            (400, "invalid_request", "", vec![90055], "", throttled(Throttle::Directory)),
            (429, "temporarily_unavailable", "", vec![], "", throttled(Throttle::Person)),
            (429, "temporarily_unavailable", "", vec![90055], "", throttled(Throttle::Directory)),
            (401, "invalid_client", "", vec![7_000_215], "", Meaning::CredentialRefused),
            (401, "invalid_client", "", vec![7_000_222], "", Meaning::CredentialRefused),
            (400, "unauthorized_client", "", vec![700_016], "", Meaning::OperatorFault),
            (400, "unauthorized_client", "", vec![], "", Meaning::OperatorFault),
            (400, "invalid_scope", "", vec![70011], "", Meaning::OperatorFault),
            (400, "never heard of", "", vec![], "", Meaning::OperatorFault),
            (400, "invalid_request", "", vec![90033], "", Meaning::Unavailable(None)),
            (503, "temporarily_unavailable", "", vec![], "", Meaning::Unavailable(None)),
            (400, "server_error", "", vec![], "", Meaning::Unavailable(None)),
        ];
        for (status, error, suberror, codes, claims, meaning) in cases {
            let body = json!({"error": error, "suberror": suberror, "error_codes": codes, "claims": claims});
            assert_eq!(read(status, &body), meaning, "{status} {body}");
        }
        for (status, body, meaning) in [
            (429, json!("not an object"), throttled(Throttle::Person)),
            (500, json!([]), Meaning::Unavailable(None)),
            (400, json!([]), Meaning::Unusable),
            (400, json!({"message": "?"}), Meaning::Unusable),
            (302, json!({}), Meaning::Unusable),
        ] {
            assert_eq!(read(status, &body), meaning, "{status} {body}");
        }
    }

    #[test]
    fn a_code_says_more_than_the_error_that_it_comes_under() {
        let cases: [(Meaning, &[u32]); 7] = [
            // Signing in again helps none of these.
            (
                Meaning::AccessDenied,
                &[
                    16000, 50014, 50020, 50034, 50053, 50057, 50105, 50131, 50177, 50178, 51004, 53000, 53001, 53002,
                    53003, 53004, 53005, 53008, 53009, 53010, 53011, 54000, 65004, 90072, 500_021, 500_212, 500_213,
                    500_571, 501_051, 530_003, 530_004, 530_021, 530_031, 530_032, 530_033, 530_034, 530_035, 530_084,
                ],
            ),
            (Meaning::ConsentRequired, &[65001, 90008, 90094, 90095]),
            (
                Meaning::InteractionRequired,
                &[50055, 50072, 50074, 50076, 50078, 50079, 50097, 50129, 50158, 50187, 700_020],
            ),
            (
                Meaning::AssertionRefused,
                &[50013, 50089, 50132, 50133, 50173, 70000, 70008, 70043, 240_002, 500_133, 700_082, 700_084],
            ),
            (Meaning::AppOnly, &[7_000_114]),
            (
                Meaning::CredentialRefused,
                &[70021, 70025, 700_024, 700_211, 700_212, 700_213, 700_222, 700_226, 700_236, 7_002_137, 7_002_138],
            ),
            (
                Meaning::OperatorFault,
                &[
                    50194, 65005, 70011, 90002, 500_011, 500_131, 501_461, 650_053, 650_057, 700_016, 700_022, 900_144,
                    7_000_112, 9_001_023, 9_002_313,
                ],
            ),
        ];
        for (meaning, codes) in cases {
            for code in codes {
                for error in ["invalid_grant", "interaction_required", "invalid_request", "unauthorized_client"] {
                    assert_eq!(read(400, &json!({"error": error, "error_codes": [code]})), meaning, "{error} {code}");
                }
            }
        }
        for code in [50033, 90006, 90012, 90024, 90033, 90090] {
            let body = json!({"error": "invalid_grant", "error_codes": [code]});
            assert_eq!(read(400, &body), Meaning::Unavailable(None), "{code}");
        }
    }

    #[test]
    fn a_directory_without_this_api_is_its_own_operators_matter() {
        let tenancy = several();
        for (error, code, of_several) in [
            ("unauthorized_client", 700_016, Meaning::ConsentRequired),
            ("unauthorized_client", 700_038, Meaning::ConsentRequired),
            ("unauthorized_client", 700_011, Meaning::ConsentRequired),
            ("unauthorized_client", 7_999_999, Meaning::ConsentRequired),
            ("unauthorized_client", 7_000_112, Meaning::AccessDenied),
            ("invalid_grant", 7_000_112, Meaning::AccessDenied),
        ] {
            let body = json!({"error": error, "error_codes": [code]});
            let asked = Asked { tenant_id: ORGANISATION, tenancy: &tenancy };
            assert_eq!(read_of(asked, 400, &body), of_several, "{code}");
            assert_eq!(read(400, &body), Meaning::OperatorFault, "{code}");
        }
    }

    #[test]
    fn personal_accounts_lack_consent_where_the_grant_of_others_has_expired() {
        let tenancy = several();
        let body = json!({"error": "invalid_grant", "error_codes": [70000]});
        for (tenant_id, meaning) in
            [(PERSONAL_ACCOUNTS, Meaning::ConsentRequired), (ORGANISATION, Meaning::AssertionRefused)]
        {
            assert_eq!(read_of(Asked { tenant_id, tenancy: &tenancy }, 400, &body), meaning, "{tenant_id}");
        }
    }

    #[test]
    fn no_code_is_listed_twice_and_each_has_a_reason() {
        for (index, (codes, _, reason)) in CODES.iter().enumerate() {
            assert!(!codes.is_empty() && reason.bytes().all(|byte| byte.is_ascii_lowercase()), "{codes:?} {reason}");
            for (others, ..) in CODES.iter().skip(index + 1) {
                assert!(codes.end() < others.start() || others.end() < codes.start(), "{codes:?} and {others:?}");
            }
        }
        let last = CODES.iter().rposition(|(_, code, _)| matches!(code, Code::Throttled(_) | Code::Busy));
        let first = CODES.iter().position(|(_, code, _)| !matches!(code, Code::Throttled(_) | Code::Busy));
        assert!(last < first, "those that ask to come back later are first, since they decide first");
    }

    #[test]
    fn waits_and_ids_are_read_and_nothing_unprintable_is_kept() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7.5"))]);
        let body = json!({"error": "invalid_request\r\nx: y", "error_codes": [90055, 4711],
                          "error_description": "secret words", "correlation_id": "c-1", "trace_id": "t\r\n"});
        let (status, asked) = (StatusCode::BAD_REQUEST, Asked { tenant_id: ORGANISATION, tenancy: &SINGLE });
        let refusal = ExchangeRefusal::parse(status, &headers, body.to_string().as_bytes(), UnixTime(0), asked);
        let retry_after = Duration::from_millis(7500);
        assert_eq!(refusal.meaning, Meaning::Throttled { retry_after, throttle: Throttle::Directory });
        assert_eq!(refusal.summary, "status 400 AADSTS90055 (throttled) AADSTS4711");
        assert_eq!((refusal.correlation_id.as_deref(), refusal.trace_id), (Some("c-1"), None));
    }
}
