//! A hostile request and the response that it must get.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use cargo_dev::commands::deep::Subject;
use emulated_tenant::{Person, Tenant, TokenPlan};
use http::{HeaderName, HeaderValue, Method, Request, header::AUTHORIZATION};
use http_body_util::Full;
use serde_json::{Map, Value};

use crate::deep::{
    caller::ApiResponse,
    request::{path, request_without_token},
};

/// One request of the corpus.
#[derive(Clone)]
pub(super) struct Case {
    /// The row of the table with its expected response.
    pub(super) kind: &'static str,
    /// What distinguishes it from others of its kind.
    pub(super) name: String,
    pub(super) request: Request<Full<Bytes>>,
    pub(super) expected: Expected,
    /// Its token, to find upstream calls that were made with it.
    pub(super) token: String,
}

/// The part of a response that is the same for the whole kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    status: u16,
    /// One of these; `any` if the host itself responds or there is no body.
    codes: &'static [&'static str],
    challenge: Challenge,
}

/// The expected `WWW-Authenticate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Challenge {
    /// There is none.
    None,
    /// A Bearer challenge without `error`, for requests without a token (RFC 6750 section 3.1).
    Bearer,
    /// A Bearer challenge with this `error`.
    Error(&'static str),
}

impl Expected {
    pub(super) const INVALID_TOKEN: Self =
        Self { status: 401, codes: &["invalid_token"], challenge: Challenge::Error("invalid_token") };
    pub(super) const TOKEN_MISSING: Self =
        Self { status: 401, codes: &["token_missing"], challenge: Challenge::Bearer };
    pub(super) const SEVERAL_TOKENS: Self =
        Self { status: 400, codes: &["invalid_request"], challenge: Challenge::Error("invalid_request") };
    pub(super) const INVALID_REQUEST: Self =
        Self { status: 400, codes: &["invalid_request"], challenge: Challenge::None };
    pub(super) const INSUFFICIENT_SCOPE: Self =
        Self { status: 403, codes: &["insufficient_scope"], challenge: Challenge::Error("insufficient_scope") };
    pub(super) const APP_ONLY: Self =
        Self { status: 403, codes: &["app_only_token"], challenge: Challenge::Error("insufficient_scope") };
    pub(super) const METHOD_NOT_ALLOWED: Self =
        Self { status: 405, codes: &["method_not_allowed"], challenge: Challenge::None };
    pub(super) const NOT_FOUND: Self = Self { status: 404, codes: &["not_found", "any"], challenge: Challenge::None };
    pub(super) const INVALID_PATH: Self = Self { status: 400, codes: &["invalid_path"], challenge: Challenge::None };
    pub(super) const UPGRADE: Self =
        Self { status: 501, codes: &["upgrade_not_supported"], challenge: Challenge::None };
    pub(super) const PARAMETER: Self =
        Self { status: 400, codes: &["parameter_not_supported"], challenge: Challenge::None };
    pub(super) const UNKNOWN_API: Self =
        Self { status: 404, codes: &["downstream_api_unknown"], challenge: Challenge::None };
    pub(super) const APPLICATION_TOKENS: Self =
        Self { status: 403, codes: &["application_tokens_disabled"], challenge: Challenge::None };
    /// The same for HEAD, whose response has no body.
    pub(super) const INVALID_TOKEN_TO_HEAD: Self = Self { codes: &["any"], ..Self::INVALID_TOKEN };
    pub(super) const TOKEN_MISSING_TO_HEAD: Self = Self { codes: &["any"], ..Self::TOKEN_MISSING };

    /// What is wrong with a response.
    pub(super) fn compare(&self, answer: &ApiResponse) -> Option<String> {
        let code = answer.code();
        let is_fitting = self.codes.contains(&code.as_str()) || (self.codes.contains(&"any") && answer.body.is_empty());
        if answer.status != self.status || !is_fitting {
            return Some(format!("answered {} {code}, wanted {} {:?}", answer.status, self.status, self.codes));
        }
        let challenge = answer.header("www-authenticate");
        let is_right = match self.challenge {
            Challenge::None => challenge.is_none(),
            Challenge::Bearer => challenge.is_some_and(|value| is_bearer(value) && !value.contains("error=")),
            Challenge::Error(error) => {
                challenge.is_some_and(|value| is_bearer(value) && value.contains(&format!("error=\"{error}\"")))
            }
        };
        (!is_right).then(|| format!("challenged by {challenge:?}, wanted {:?}", self.challenge))
    }
}

fn is_bearer(challenge: &str) -> bool {
    challenge.starts_with("Bearer realm=\"") && challenge.contains("authorization_uri=\"")
}

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// The header and the claims of a token.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) header: Object,
    pub(super) claims: Object,
}

impl Parts {
    pub(super) fn header_text(&self) -> String {
        Value::Object(self.header.clone()).to_string()
    }

    pub(super) fn claims_text(&self) -> String {
        Value::Object(self.claims.clone()).to_string()
    }
}

/// The corpus under construction.
pub(super) struct Cases<'a> {
    pub(super) subject: Subject,
    pub(super) tenant: &'a Tenant,
    pub(super) person: &'a Person,
    pub(super) list: Vec<Case>,
    kind: &'static str,
    expected: Expected,
}

impl<'a> Cases<'a> {
    pub(super) fn new(subject: Subject, tenant: &'a Tenant, person: &'a Person) -> Self {
        Self { subject, tenant, person, list: Vec::new(), kind: "", expected: Expected::INVALID_TOKEN }
    }

    /// Starts a new `kind`, whose cases must all get `expected`.
    pub(super) fn kind(&mut self, kind: &'static str, expected: Expected) {
        (self.kind, self.expected) = (kind, expected);
    }

    /// A token with a changed plan.
    pub(super) fn planned(&mut self, name: impl Into<String>, change: impl FnOnce(&mut TokenPlan)) {
        let token = self.tenant.access_token(self.person, change);
        self.token(name, &token);
    }

    /// A token with these parts, signed with the right key.
    pub(super) fn signed(&mut self, name: impl Into<String>, header: &[u8], claims: &[u8]) {
        let token = self.sign(&format!("{}.{}", encoded(header), encoded(claims)));
        self.token(name, &token);
    }

    /// A bearer token, unchanged.
    pub(super) fn token(&mut self, name: impl Into<String>, token: &str) {
        match HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()) {
            Ok(value) => self.headers(name, &[(AUTHORIZATION, value)], token),
            // Text that is not valid in a header cannot be sent.
            Err(_) => debug_assert!(false, "a token that is no header value: {token:?}"),
        }
    }

    /// A request for the profile with these headers.
    pub(super) fn headers(&mut self, name: impl Into<String>, headers: &[(HeaderName, HeaderValue)], token: &str) {
        let mut request = request_without_token(self.subject);
        for (header, value) in headers {
            request.headers_mut().append(header, value.clone());
        }
        self.request(name, request, token);
    }

    /// A request of `method` for `target`, with `token` unless that is empty. Omitted if the target is not a URI.
    pub(super) fn target(&mut self, name: impl Into<String>, method: Method, target: &str, token: &str) {
        let builder = Request::builder().method(method).uri(target);
        let builder = if token.is_empty() { builder } else { builder.header(AUTHORIZATION, format!("Bearer {token}")) };
        if let Ok(request) = builder.body(Full::default()) {
            self.request(name, request, token);
        }
    }

    /// The target of the profile with one more parameter.
    pub(super) fn with_parameter(&self, parameter: &str) -> String {
        let path = path(self.subject);
        format!("{path}{}{parameter}", if path.contains('?') { '&' } else { '?' })
    }

    pub(super) fn request(&mut self, name: impl Into<String>, request: Request<Full<Bytes>>, token: &str) {
        let (kind, expected) = (self.kind, self.expected);
        self.list.push(Case { kind, name: name.into(), request, expected, token: token.to_owned() });
    }

    /// The parts of a valid token for the person: v2 or, if `version` is 1, v1.
    pub(super) fn parts(&self, version: u8) -> Parts {
        let mut parts = Parts { header: Object::new(), claims: Object::new() };
        let _ = self.tenant.access_token(self.person, |plan| {
            if version == 1 {
                plan.version_1();
            }
            parts = Parts { header: plan.header.clone(), claims: plan.claims.clone() };
        });
        parts
    }

    /// `message` and the right key's signature of it.
    pub(super) fn sign(&self, message: &str) -> String {
        let signed = message.to_owned();
        let token = self.tenant.access_token(self.person, |plan| {
            plan.forger = Some(Box::new(move |forgery| forgery.right_for(signed.as_bytes())));
        });
        format!("{message}.{}", token.rsplit('.').next().unwrap_or_default())
    }

    /// A valid token.
    pub(super) fn right_token(&self) -> String {
        self.tenant.access_token(self.person, |_| ())
    }
}

/// Base64url without padding.
pub(super) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
