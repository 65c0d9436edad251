//! A host that serves Entra's keys and nothing else.

use std::{future::pending, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value;

use super::input::{AUTHORITY, CLIENT, NOW, TENANT};
use crate::host::{self, MaybeSend, SendFault, UnixTime, UpstreamBody, VariableUnavailable};

/// A host whose clock does not move.
#[derive(Clone, Debug)]
pub struct Host;

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
            "client_credential" => "clientsecret",
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
            // Nobody can sign with a modulus of ones.
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

    fn spawn(&self, _: impl Future<Output = ()> + MaybeSend + 'static) {}

    fn log(&self, line: &str) {
        assert!(line.len() <= 4096 && !line.contains('\n'), "{line}");
        serde_json::from_str::<Value>(line).unwrap();
    }
}

/// A body of one piece.
pub struct OneBody(Option<Bytes>);

impl UpstreamBody for OneBody {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        self.0.take().map(Ok)
    }
}
