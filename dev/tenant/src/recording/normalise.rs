//! Replaces the parts of a response that depend on tenant and time by their kinds.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use regex_lite::{Captures, Regex};
use serde_json::{Map, Value, json};

use super::{http::ScenarioResponse, json_web_token, target::TargetTenant, text};

/// Headers whose values are the same everywhere, except for what [`text::typed`] replaces.
const KEPT_HEADERS: [&str; 24] = [
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "client-request-id",
    "content-encoding",
    "content-type",
    "date",
    "expires",
    "location",
    "odata-version",
    "p3p",
    "pragma",
    "request-id",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
    "x-ms-client-request-id",
    "x-ms-request-id",
    "x-ms-resource-unit",
    "x-ms-srs",
    "x-powered-by",
    "x-xss-protection",
];
/// Headers that belong to the connection.
const LEFT_OUT: [&str; 2] = ["connection", "keep-alive"];

/// Members of responses whose strings are the same everywhere.
const KEPT_MEMBERS: [&str; 11] = [
    "@odata.context",
    "code",
    "contentType",
    "error",
    "error_uri",
    "id",
    "kid",
    "recoveryLevel",
    "scope",
    "suberror",
    "token_type",
];

static COOKIE: LazyLock<Regex> = LazyLock::new(|| text::pattern(r"^([^=]+)=[^;]*"));
static FRACTION: LazyLock<Regex> = LazyLock::new(|| text::pattern(r"\d+\.\d+"));
static CLAIMS: LazyLock<Regex> = LazyLock::new(|| text::pattern(r#"claims="([^"]*)""#));
static NONCE: LazyLock<Regex> = LazyLock::new(|| text::pattern(r#"nonce="[^"]*""#));
static CHALLENGE_WORDS: LazyLock<Regex> =
    LazyLock::new(|| text::pattern(r#"(error_description|errorDescription)="[^"]*""#));

/// A response in the form of recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct NormalResponse {
    /// The status code.
    pub status: u16,
    /// `name: value`, sorted.
    pub headers: Vec<String>,
    /// The body as JSON, or its media type as a string.
    pub body: Value,
    /// The version that the host announced.
    pub server: Option<String>,
}

/// Normalises the responses of one tenant.
pub struct Normaliser {
    /// Names of the tenant and their placeholders, the longest first.
    names: Vec<(String, &'static str)>,
}

impl Normaliser {
    /// For the responses of this target.
    pub fn new(target: &TargetTenant) -> Self {
        let mut names = vec![
            (target.authority_url.clone(), "https://login.microsoftonline.com"),
            (target.graph_url.clone(), "https://graph.microsoft.com"),
            (target.tenant_id.clone(), "<tenant>"),
            (target.domain.clone(), "<domain>"),
        ];
        names.extend(target.registration.iter().map(|known| (known.client_id.clone(), "<client>")));
        if let Some(vault) = &target.vault {
            names.push((vault.url.clone(), "https://<vault>"));
            let secrets = [&vault.secret, &vault.disabled, &vault.certificate].into_iter().flatten();
            names.extend(secrets.map(|name| (format!("/{name}/"), "/<name>/")));
        }
        // For hosts without a scheme.
        let hosts = names.iter().filter_map(|(url, stands_for)| Some((url.split_once("://")?.1, stands_for)));
        let hosts: Vec<(String, &str)> =
            hosts.map(|(host, stands_for)| (host.to_owned(), stands_for.trim_start_matches("https://"))).collect();
        names.extend(hosts);
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { names }
    }

    /// Normalises an answer.
    pub fn normalise(&self, response: &ScenarioResponse) -> NormalResponse {
        let headers = response.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()));
        let headers: Vec<(String, &str)> = headers.filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())).collect();
        let find = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
        let media_type = find("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let server = find("x-ms-ests-server").or_else(|| find("x-ms-keyvault-service-version")).map(ToOwned::to_owned);
        let body = self.body(media_type, &response.body);
        let mut headers: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", self.header(name, value))).collect();
        headers.sort();
        NormalResponse { status: response.status, headers, body, server }
    }

    fn named(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, stands_for)| text.replace(name, stands_for))
    }

    fn text(&self, text: &str) -> String {
        text::typed(&self.named(text))
    }

    fn header(&self, name: &str, value: &str) -> String {
        match name {
            "content-length" => "<length>".to_owned(),
            "etag" => "\"<tag>\"".to_owned(),
            "retry-after" => "<seconds>".to_owned(),
            "set-cookie" => COOKIE.replace(&self.text(value), "$1=<opaque>").into_owned(),
            "www-authenticate" => self.challenge(value),
            "x-ms-ags-diagnostic" => match serde_json::from_str(value) {
                Ok(value) => texts(&value).to_string(),
                Err(_) => "<text>".to_owned(),
            },
            "x-ms-clitelem" => FRACTION.replace_all(value, "<number>").into_owned(),
            _ if KEPT_HEADERS.contains(&name) => self.text(value),
            _ => "<text>".to_owned(),
        }
    }

    fn challenge(&self, value: &str) -> String {
        let value = CLAIMS.replace_all(value, |found: &Captures<'_>| {
            let encoded = found.get(1).map_or("", |found| found.as_str());
            let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            match decoded {
                Some(claims) => format!("claims=\"<base64 {}>\"", self.claims(&claims)),
                None => "claims=\"<text>\"".to_owned(),
            }
        });
        let value = NONCE.replace_all(&value, "nonce=\"<nonce>\"");
        self.text(&CHALLENGE_WORDS.replace_all(&value, "$1=\"<words>\""))
    }

    /// A claims request, with the requested values replaced by their types.
    fn claims(&self, claims: &Value) -> Value {
        match claims {
            Value::String(text) => text::typed_claim(&self.named(text)).into(),
            Value::Array(values) => values.iter().map(|value| self.claims(value)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.claims(value))).collect::<Map<_, _>>().into()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => claims.clone(),
        }
    }

    fn body(&self, media_type: &str, body: &[u8]) -> Value {
        if body.is_empty() {
            return Value::Null;
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(body) if is_public_document(&body) => self.document("", &body),
            Ok(body) if body.get("@odata.context").is_some() => self.entity(&body),
            Ok(body) => self.member("", &body),
            Err(_) => format!("<{media_type}>").into(),
        }
    }

    /// Metadata and keys: everything is kept except the numbers of the keys.
    fn document(&self, name: &str, value: &Value) -> Value {
        match (name, value) {
            ("n" | "kid" | "x5t", Value::String(_)) => "<base64url>".into(),
            ("x5c", Value::Array(certificates)) => certificates.iter().map(|_| "<base64>").collect(),
            (_, Value::String(text)) => self.text(text).into(),
            (_, Value::Array(values)) => {
                let values = values.iter().map(|value| self.document("", value));
                // The order of keys has no meaning; equal forms are kept once.
                let mut values: Vec<Value> = values.collect();
                if name == "keys" {
                    values.sort_by_key(ToString::to_string);
                    values.dedup();
                }
                values.into()
            }
            (_, Value::Object(members)) => {
                let members = members.iter().map(|(name, value)| (name.clone(), self.document(name, value)));
                members.collect::<Map<_, _>>().into()
            }
            (_, Value::Null | Value::Bool(_) | Value::Number(_)) => value.clone(),
        }
    }

    /// A Graph user: only the names of properties, and which are null.
    fn entity(&self, body: &Value) -> Value {
        let context = body.get("@odata.context").and_then(Value::as_str).map(|context| self.text(context));
        let mut entity = texts(body);
        if let (Value::Object(members), Some(context)) = (&mut entity, context) {
            members.insert("@odata.context".to_owned(), context.into());
        }
        entity
    }

    /// A member of an answer of the token endpoint, the vault, or an error of Graph.
    fn member(&self, name: &str, value: &Value) -> Value {
        match (name, value) {
            ("access_token" | "id_token", Value::String(token)) => {
                json_web_token::outline(token, |text| self.named(text)).unwrap_or_else(|| "<token>".into())
            }
            ("refresh_token" | "client_info", Value::String(_)) => "<token>".into(),
            ("value", Value::String(_)) => "<secret>".into(),
            ("claims", Value::String(claims)) => match serde_json::from_str(claims) {
                Ok(claims) => self.claims(&claims).to_string().into(),
                Err(_) => "<text>".into(),
            },
            ("error_description" | "message", Value::String(words)) => text::without_words(words).into(),
            ("expires_in" | "ext_expires_in" | "refresh_in", Value::Number(seconds)) => lifetime(seconds.as_u64()),
            (_, Value::String(text)) => {
                let text = self.text(text);
                // A string that is only a placeholder is kept.
                let is_placeholder = text.starts_with('<') && text.ends_with('>') && text.matches('<').count() == 1;
                if is_placeholder || KEPT_MEMBERS.contains(&name) { text.into() } else { "<text>".into() }
            }
            (_, Value::Number(number)) if number.as_u64().is_some_and(json_web_token::is_moment) => {
                "<unix-time>".into()
            }
            (_, Value::Array(values)) => values.iter().map(|value| self.member(name, value)).collect(),
            (_, Value::Object(members)) => {
                let members = members.iter().map(|(name, value)| (name.clone(), self.member(name, value)));
                members.collect::<Map<_, _>>().into()
            }
            (_, Value::Null | Value::Bool(_) | Value::Number(_)) => value.clone(),
        }
    }
}

/// Whether a body is a public document, the same for every client.
fn is_public_document(body: &Value) -> bool {
    ["issuer", "keys", "tenant_discovery_endpoint"].iter().any(|name| body.get(name).is_some())
}

/// The value with each string replaced; only the first element of a list is kept, since its length is personal data.
fn texts(value: &Value) -> Value {
    match value {
        Value::String(_) => "<text>".into(),
        Value::Number(_) => "<number>".into(),
        Value::Array(values) => values.iter().take(1).map(texts).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), texts(value))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

/// The lifetime of a token, as imprecise as Entra's own.
fn lifetime(seconds: Option<u64>) -> Value {
    const HOUR: u64 = 3600;
    match seconds {
        Some(seconds) if (HOUR / 2..=2 * HOUR).contains(&seconds) => json!("<seconds: about an hour>"),
        Some(seconds) if (19 * HOUR..=29 * HOUR).contains(&seconds) => json!("<seconds: about a day>"),
        _ => json!("<seconds>"),
    }
}
