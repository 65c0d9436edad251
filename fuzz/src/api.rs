//! A whole request to the API, on a machine that knows the keys of Entra and nothing else.

use std::{future::pending, rc::Rc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::executor::block_on;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use profile_get::{
    api::{self, RequestHead},
    correlation::TRACEPARENT,
    host::{self, SendFault, StoreFault, UnixTime, UpstreamBody, VariableUnavailable},
    instance::Instance,
    response::Body,
};
use serde_json::Value;

use crate::{AUTHORITY, CLIENT, NOW, TENANT, headers, lines};

/// Method, path and query, `Authorization`, `Origin`, `If-None-Match` and `traceparent`, a line each.
pub(crate) fn request(data: &[u8]) {
    let [method, target, authorization, origin, tag, trace] = lines(data);
    let mut all = headers(&header::AUTHORIZATION, authorization);
    for (name, value) in [(header::ORIGIN, origin), (header::IF_NONE_MATCH, tag), (TRACEPARENT, trace)] {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
            all.insert(name, value);
        }
    }
    let head = RequestHead {
        method: Method::from_bytes(method).unwrap_or(Method::GET),
        target: String::from_utf8_lossy(target).into_owned(),
        headers: all,
    };
    let answer = block_on(api::answer(&Rc::new(Instance::default()), &Host, &head));
    let (head, body) = answer.into_parts();
    let Body::Whole(body) = body else { panic!("somebody's data") };
    assert!(matches!(head.status.as_u16(), 204 | 400..=499), "{}", head.status);
    assert!(head.headers.values().all(|value| value.to_str().is_ok_and(|text| text.len() <= 1024)), "{head:?}");
    if head.status != StatusCode::NO_CONTENT {
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["status"], head.status.as_u16());
        assert!(body.len() <= 4096);
    }
    assert_eq!(head.status == StatusCode::UNAUTHORIZED, head.headers.contains_key(header::WWW_AUTHENTICATE));
}

/// A machine whose clock stands still.
#[derive(Clone, Debug)]
pub(crate) struct Host;

impl host::Host for Host {
    type Body = OneBody;

    fn now(&self) -> UnixTime {
        UnixTime(NOW)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }

    async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
        Ok(match name {
            "tenant_id" => TENANT,
            "client_id" => CLIENT,
            "client_secret" => "a-client-secret-of-40-characters-at-most",
            "authority_host" => AUTHORITY,
            "graph_url" => "https://graph.example",
            "required_scope" => "user_impersonation",
            "graph_scopes" => "https://graph.example/User.Read",
            "allowed_origins" => "https://spa.example",
            "request_timeout" => "20",
            "token_store_slots" => "16",
            "server_timing" => "on",
            _ => "",
        }
        .to_owned())
    }

    async fn send(&self, request: &Request<Bytes>, _: Duration) -> Result<Response<Self::Body>, SendFault> {
        let document = match request.uri().path().rsplit('/').next() {
            Some("openid-configuration") => format!(
                r#"{{"issuer":"{AUTHORITY}/{TENANT}/v2.0","jwks_uri":"{AUTHORITY}/{TENANT}/discovery/v2.0/keys"}}"#
            ),
            // Nobody can sign by a key that is all ones.
            Some("keys") => {
                let modulus = URL_SAFE_NO_PAD.encode([0xff; 256]);
                format!(r#"{{"keys":[{{"kty":"RSA","kid":"k","e":"AQAB","n":"{modulus}"}}]}}"#)
            }
            _ => panic!("{} was called for a token that nobody signed", request.uri()),
        };
        Ok(Response::new(OneBody(Some(document.into()))))
    }

    fn keeps_limits(&self) -> bool {
        true
    }

    async fn sleep(&self, _: Duration) {
        pending().await
    }

    async fn read_store(&self, _: &str) -> Result<Option<Vec<u8>>, StoreFault> {
        Ok(None)
    }

    async fn write_store(&self, _: &str, _: &[u8]) -> Result<(), StoreFault> {
        Ok(())
    }

    fn spawn(&self, _: impl Future<Output = ()> + 'static) {}

    fn retire(&self) {}

    fn log(&self, line: &str) {
        assert!(line.len() <= 4096 && !line.contains('\n'), "{line}");
        serde_json::from_str::<Value>(line).unwrap();
    }
}

/// A body of one piece.
pub(crate) struct OneBody(Option<Bytes>);

impl UpstreamBody for OneBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        self.0.take().map(Ok)
    }
}
