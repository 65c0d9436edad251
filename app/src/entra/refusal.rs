//! Entra's refusals, by the authorization endpoint (RFC 6749 section 4.1.2.1) and by the token endpoint (section 5.2).

use serde::Deserialize;
use uuid::Uuid;

/// The longest text that counts as an error code, in bytes.
const MAX_ERROR: usize = 64;

/// A refusal, without Entra's description, which may hold what neither a page nor the log should show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntraRefusal {
    /// What it means for the person.
    pub(crate) kind: RefusalKind,
    /// The OAuth error code.
    pub(crate) error: String,
    /// The number of the AADSTS code, by which Microsoft's pages explain it.
    pub(crate) number: Option<u32>,
    /// Finds the sign-in in Entra's log.
    pub(crate) correlation_id: Option<Uuid>,
    /// Finds the request in Entra's log.
    pub(crate) trace_id: Option<Uuid>,
}

/// What a refusal means for the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    /// They left without signing in, or declined.
    Cancelled,
    /// An administrator has to consent first.
    ConsentRequired,
    /// The redirect URI is not registered.
    RedirectUri,
    /// Their account, a policy or a missing assignment prevents it.
    AccessDenied,
    /// They have to sign in again.
    InteractionRequired,
    /// The code has expired, or was used already.
    CodeExpired,
    /// This app's secret is wrong or has expired.
    CredentialRefused,
    /// The registrations of app and API do not match the settings.
    Registration,
    /// Entra is unavailable or throttles requests.
    Unavailable,
    /// Anything else.
    Other,
}

/// The body of a refusal by the token endpoint.
#[derive(Deserialize)]
struct TokenError {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u32>,
    suberror: Option<String>,
    correlation_id: Option<Uuid>,
    trace_id: Option<Uuid>,
}

impl EntraRefusal {
    /// A refusal by the authorization endpoint.
    #[must_use]
    pub(crate) fn at_authorization(error: &str, subcode: Option<&str>, description: &str) -> Self {
        let number = aadsts_number(description);
        let kind = match (error, subcode) {
            ("access_denied", Some("cancel")) => RefusalKind::Cancelled,
            _ => RefusalKind::of(error, None, number.as_slice()),
        };
        Self {
            kind,
            error: error_code(error),
            number,
            correlation_id: id_after(description, "Correlation ID:"),
            trace_id: id_after(description, "Trace ID:"),
        }
    }

    /// A refusal by the token endpoint; `None` if `body` is not one.
    #[must_use]
    pub(crate) fn at_token_endpoint(body: &[u8]) -> Option<Self> {
        let refusal: TokenError = serde_json::from_slice(body).ok()?;
        let mut numbers = refusal.error_codes;
        if numbers.is_empty() {
            numbers.extend(aadsts_number(&refusal.error_description));
        }
        Some(Self {
            kind: RefusalKind::of(&refusal.error, refusal.suberror.as_deref(), &numbers),
            error: error_code(&refusal.error),
            number: numbers.first().copied(),
            correlation_id: refusal.correlation_id,
            trace_id: refusal.trace_id,
        })
    }
}

impl RefusalKind {
    /// The first known number decides, else the error.
    fn of(error: &str, suberror: Option<&str>, numbers: &[u32]) -> Self {
        numbers.iter().find_map(|number| Self::of_number(*number)).unwrap_or_else(|| Self::of_error(error, suberror))
    }

    /// Microsoft's list: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
    const fn of_number(number: u32) -> Option<Self> {
        Some(match number {
            65004 => Self::Cancelled,
            65001 | 90008 | 90094 | 90095 => Self::ConsentRequired,
            50011 | 500_112 | 500_113 => Self::RedirectUri,
            // Guests, and accounts that are not in the directory.
            16000 | 16003 | 50014 | 50020 | 50034 | 50128 | 50177 | 50178 | 51004 | 90072 | 500_208 | 500_571 => {
                Self::AccessDenied
            }
            // Locked or disabled accounts and devices, minors, missing assignments.
            50015 | 50053 | 50057 | 50105 | 54000 | 130_007 | 135_011 | 501_051 => Self::AccessDenied,
            // Restrictions of the directory, or between directories or clouds.
            50002 | 90093 | 90123 | 500_021 | 500_022 | 500_212 | 500_213 | 1_000_031 | 1_000_104 | 7_000_112 => {
                Self::AccessDenied
            }
            // Conditional Access.
            50005 | 50131 | 50161 | 50170 | 53000..=53099 | 530_000..=530_099 => Self::AccessDenied,
            50055 | 50056 | 50058 | 50072 | 50074 | 50076 | 50078 | 50079 | 50097 | 50125 | 50127 | 50129 | 50135 => {
                Self::InteractionRequired
            }
            50139 | 50140 | 50143 | 50144 | 50155 | 50158 | 50187 | 50197 | 51006 | 700_020 => {
                Self::InteractionRequired
            }
            50196 | 90055 => Self::Unavailable,
            40010 | 50000 | 50033 | 50087 | 50166 | 70012 | 90006 | 90012 | 90024 | 90033 | 90036 | 90090..=90092 => {
                Self::Unavailable
            }
            230_109 | 501_621 => Self::Unavailable,
            54005 | 70000 | 70008 | 501_481 => Self::CodeExpired,
            _ => return None,
        })
    }

    fn of_error(error: &str, suberror: Option<&str>) -> Self {
        match (error, suberror) {
            (_, Some("consent_required")) | ("consent_required", _) => Self::ConsentRequired,
            (_, Some("message_only" | "client_mismatch" | "protection_policy_required")) => Self::AccessDenied,
            ("access_denied", _) => Self::Cancelled,
            ("interaction_required" | "login_required" | "account_selection_required", _) => Self::InteractionRequired,
            ("invalid_grant", Some("basic_action" | "additional_action" | "user_password_expired")) => {
                Self::InteractionRequired
            }
            ("invalid_grant", _) => Self::CodeExpired,
            ("invalid_client", _) => Self::CredentialRefused,
            ("unauthorized_client" | "invalid_request" | "invalid_resource" | "invalid_scope", _) => Self::Registration,
            ("unsupported_response_type" | "invalid_target", _) => Self::Registration,
            ("temporarily_unavailable" | "server_error", _) => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

/// An error code, if it has the form of one.
fn error_code(text: &str) -> String {
    let is_code = text.len() <= MAX_ERROR && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_code && !text.is_empty() { text.to_owned() } else { "unknown".to_owned() }
}

/// The number in a description that begins `AADSTS65004: ...`.
fn aadsts_number(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

fn id_after(description: &str, label: &str) -> Option<Uuid> {
    let (_, rest) = description.split_once(label)?;
    Uuid::try_parse(rest.trim_start().get(..36)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{EntraRefusal, RefusalKind};

    const IDS: &str = "Trace ID: 6f2b2d0f-7d1c-4d0e-9d1b-3a4c5d6e7f80 Correlation ID: \
                       0c1d2e3f-4a5b-4c6d-8e9f-a0b1c2d3e4f5 Timestamp: 2026-01-01 00:00:00Z";

    #[test]
    fn refusals_by_the_authorization_endpoint_have_a_kind() {
        for (error, subcode, description, expected) in [
            ("access_denied", Some("cancel"), "", RefusalKind::Cancelled),
            ("access_denied", None, "AADSTS65004: User declined to consent.", RefusalKind::Cancelled),
            ("access_denied", None, "AADSTS50105: Not assigned.", RefusalKind::AccessDenied),
            ("consent_required", None, "AADSTS65001: No consent.", RefusalKind::ConsentRequired),
            ("access_denied", None, "AADSTS90094: An administrator must.", RefusalKind::ConsentRequired),
            ("invalid_request", None, "AADSTS50011: The redirect URI does not match.", RefusalKind::RedirectUri),
            ("invalid_resource", None, "AADSTS500011: No such resource.", RefusalKind::Registration),
            ("interaction_required", None, "AADSTS50079: Enrol.", RefusalKind::InteractionRequired),
            ("temporarily_unavailable", None, "", RefusalKind::Unavailable),
            ("<script>", None, "AADSTS", RefusalKind::Other),
        ] {
            let refusal = EntraRefusal::at_authorization(error, subcode, &format!("{description} {IDS}"));
            assert_eq!(refusal.kind, expected, "{error} {description}");
            assert_eq!(refusal.correlation_id.unwrap().to_string(), "0c1d2e3f-4a5b-4c6d-8e9f-a0b1c2d3e4f5");
            assert_eq!(refusal.trace_id.unwrap().to_string(), "6f2b2d0f-7d1c-4d0e-9d1b-3a4c5d6e7f80");
            assert!(!refusal.error.contains('<'));
        }
    }

    #[test]
    fn refusals_by_the_token_endpoint_have_a_kind() {
        for (body, expected) in [
            (r#"{"error":"invalid_client","error_codes":[7000215]}"#, RefusalKind::CredentialRefused),
            (r#"{"error":"invalid_grant","error_codes":[70008],"suberror":"bad_token"}"#, RefusalKind::CodeExpired),
            (r#"{"error":"invalid_grant","error_description":"AADSTS54005: Redeemed."}"#, RefusalKind::CodeExpired),
            (r#"{"error":"invalid_client","error_codes":[500112]}"#, RefusalKind::RedirectUri),
            (r#"{"error":"invalid_grant","suberror":"consent_required"}"#, RefusalKind::ConsentRequired),
            (r#"{"error":"invalid_grant","suberror":"basic_action"}"#, RefusalKind::InteractionRequired),
            (r#"{"error":"invalid_grant","error_codes":[50158]}"#, RefusalKind::InteractionRequired),
            (r#"{"error":"invalid_grant","suberror":"message_only","claims":"{}"}"#, RefusalKind::AccessDenied),
            (r#"{"error":"interaction_required","error_codes":[90072]}"#, RefusalKind::AccessDenied),
            (r#"{"error":"invalid_grant","error_codes":[500571]}"#, RefusalKind::AccessDenied),
            (r#"{"error":"invalid_grant","error_codes":[530084]}"#, RefusalKind::AccessDenied),
            (r#"{"error":"invalid_grant","error_codes":[70002,53011]}"#, RefusalKind::AccessDenied),
            (r#"{"error":"invalid_grant","error_codes":[90033]}"#, RefusalKind::Unavailable),
        ] {
            assert_eq!(EntraRefusal::at_token_endpoint(body.as_bytes()).unwrap().kind, expected, "{body}");
        }
        for body in ["", "[]", "{}", "<html>"] {
            assert_eq!(EntraRefusal::at_token_endpoint(body.as_bytes()), None, "{body}");
        }
    }
}
