//! What a refusal of Graph or of the vault means for the person at the terminal.

use anyhow::{Error, anyhow};
use serde_json::Value;

use super::curl::Response;

/// What a request is for. It decides what a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Read or change app registrations and their service principals.
    Register,
    /// Consent for everyone.
    Consent,
    /// Restore what was deleted, or delete it permanently.
    DeletedItems,
    /// Read and write secrets.
    Vault,
}

impl Purpose {
    fn service(self) -> &'static str {
        match self {
            Self::Vault => "the key vault",
            Self::Register | Self::Consent | Self::DeletedItems => "Microsoft Graph",
        }
    }

    /// What to do about "403 Forbidden".
    fn needed_role(self) -> &'static str {
        match self {
            Self::Register => {
                "you may not register or change this application: if your tenant does not let everyone register \
                 applications, ask for the role Application Developer; to change an application of someone else, become \
                 one of its owners or ask for Cloud Application Administrator"
            }
            Self::Consent => {
                "you may not consent for everyone: ask someone with the role Cloud Application Administrator, \
                 Application Administrator or Privileged Role Administrator to run this command with --consent, or leave \
                 --consent out"
            }
            Self::DeletedItems => {
                "you may not restore deleted applications or delete them permanently: ask for the role Cloud Application Administrator"
            }
            Self::Vault => {
                "you may not read or write its secrets: ask for the role Key Vault Secrets Officer on the vault. A new role \
                 takes effect after a few minutes; a vault with a firewall must let this machine in"
            }
        }
    }
}

/// The error for a response that is no success.
pub(super) fn error(purpose: Purpose, request: &str, response: &Response) -> Error {
    let service = purpose.service();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let error = response.body.get("error");
    let (code, message) = (text(error.and_then(|it| it.get("code"))), text(error.and_then(|it| it.get("message"))));
    let advice = match response.status {
        401 => "it does not accept the Azure CLI's token: sign in again with `az logout` and `az login`".to_owned(),
        403 if is_disabled_secret(response) => "the secret is disabled: enable it, or delete and purge it".to_owned(),
        403 => purpose.needed_role().to_owned(),
        404 => {
            "an object is missing that was there before, or that is new and not visible yet: run the command again; \
                it continues where it stopped"
                .to_owned()
        }
        409 => {
            "there is such an object already, which another program made meanwhile: run the command again".to_owned()
        }
        429 => "there were too many requests: wait some minutes and run the command again".to_owned(),
        500.. => "the service has a fault: run the command again later; it continues where it stopped".to_owned(),
        _ => format!("{service} does not accept this request"),
    };
    let status = response.status;
    match code.is_empty() {
        true => anyhow!("{request}: {service} answered {status}: {advice}"),
        false => {
            let words = format!("{request}: {service} answered {status} {code}: {advice}\n{service}: {message}");
            anyhow!(printable(&words))
        }
    }
}

/// The text without characters that control a terminal or change the order of what is read: what others wrote into an
/// application must not look like this command's words.
pub(super) fn printable(text: &str) -> String {
    let controls = |c: char| c.is_control() && c != '\n';
    let reorders = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(|c: char| controls(c) || reorders(c), "\u{fffd}")
}

/// Whether a vault refuses a request for the sake of the secret, and not of the caller.
pub(super) fn is_disabled_secret(response: &Response) -> bool {
    let error = response.body.get("error");
    error.and_then(|error| error.get("innererror")?.get("code")?.as_str()) == Some("SecretDisabled")
}

/// Whether an error's details have this code.
pub(super) fn has_detail(response: &Response, code: &str) -> bool {
    let details = response.body.get("error").and_then(|error| error.get("details")).and_then(Value::as_array);
    details.into_iter().flatten().any(|detail| detail.get("code").and_then(Value::as_str) == Some(code))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_refusal_says_what_to_do() {
        for (purpose, status, expected) in [
            (Purpose::Register, 400, "Microsoft Graph does not accept this request"),
            (Purpose::Register, 401, "`az login`"),
            (Purpose::Register, 403, "Application Developer"),
            (Purpose::Consent, 403, "Cloud Application Administrator"),
            (Purpose::DeletedItems, 403, "Cloud Application Administrator"),
            (Purpose::Vault, 403, "Key Vault Secrets Officer"),
            (Purpose::Register, 404, "run the command again"),
            (Purpose::Register, 409, "run the command again"),
            (Purpose::Register, 429, "wait some minutes"),
            (Purpose::Vault, 503, "run the command again later"),
        ] {
            let body = json!({"error": {"code": "TheCode", "message": "Their words."}});
            let response = Response { status, retry_after: None, body };
            let error = error(purpose, "GET /path", &response).to_string();
            let service = purpose.service();
            assert!(error.starts_with(&format!("GET /path: {service} answered {status} TheCode: ")), "{error}");
            assert!(error.contains(expected) && error.ends_with(&format!("\n{service}: Their words.")), "{error}");
            // Their words cannot control the terminal.
            let body = json!({"error": {"code": "C\u{1b}[2J", "message": "m\u{9b}2J\r"}});
            let hostile = super::error(purpose, "GET /path", &Response { status, retry_after: None, body }).to_string();
            assert!(!hostile.contains(['\u{1b}', '\u{9b}', '\r']), "{hostile:?}");
            // What is no JSON of theirs.
            let empty = Response { status, retry_after: None, body: Value::Null };
            assert!(super::error(purpose, "GET /path", &empty).to_string().contains(expected));
        }
    }
}
