//! The machine that an API runs on: what the core needs from it, and a host for native programs.
//!
//! Components on Spin use the crate `entra-obo-spin`. Any other host implements [`Host`], as this one does, whose Entra,
//! secret and clock are in memory. It shows a token that is refused because nobody signed it:
//!
//! ```
//! use std::{future::pending, time::Duration};
//!
//! use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
//! use bytes::Bytes;
//! use entra_obo::{
//!     Context, Policy, ProtectedApi, Tenancy,
//!     host::{Host, MaybeSend, SendFault, UnixTime, UpstreamBody, VariableUnavailable},
//! };
//! use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
//! use uuid::{Uuid, uuid};
//!
//! const TENANT: Uuid = uuid!("11111111-1111-4111-8111-111111111111");
//! const CLIENT: Uuid = uuid!("22222222-2222-4222-8222-222222222222");
//! const NOW: u64 = 1_800_000_000;
//!
//! #[derive(Clone)]
//! struct InMemory;
//!
//! impl Host for InMemory {
//!     type Body = Document;
//!
//!     fn now(&self) -> UnixTime {
//!         UnixTime(NOW)
//!     }
//!
//!     fn elapsed(&self) -> Duration {
//!         Duration::ZERO
//!     }
//!
//!     fn random(&self) -> [u8; 16] {
//!         [7; 16] // another host's must be unpredictable
//!     }
//!
//!     async fn variable(&self, name: &str) -> Result<String, VariableUnavailable> {
//!         assert_eq!(name, "client_secret");
//!         Ok("Abc8Q~dEfGhIjKlMnOpQrStUvWxYz0123456789a".to_owned())
//!     }
//!
//!     async fn send(&self, request: &Request<Bytes>, _limit: Duration) -> Result<Response<Document>, SendFault> {
//!         let tenant = format!("https://login.microsoftonline.com/{TENANT}");
//!         let text = if request.uri().path().ends_with("/openid-configuration") {
//!             format!(r#"{{"issuer":"{tenant}/v2.0","jwks_uri":"{tenant}/discovery/v2.0/keys"}}"#)
//!         } else {
//!             let modulus = URL_SAFE_NO_PAD.encode([0xff; 256]);
//!             format!(r#"{{"keys":[{{"kty":"RSA","kid":"key-1","e":"AQAB","n":"{modulus}"}}]}}"#)
//!         };
//!         Ok(Response::new(Document(Some(text.into()))))
//!     }
//!
//!     async fn sleep(&self, _duration: Duration) {
//!         pending().await // this clock does not move
//!     }
//!
//!     fn spawn(&self, _task: impl Future<Output = ()> + MaybeSend + 'static) {}
//!
//!     fn log(&self, line: &str) {
//!         eprintln!("{line}");
//!     }
//! }
//!
//! struct Document(Option<Bytes>);
//!
//! impl UpstreamBody for Document {
//!     async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
//!         self.0.take().map(Ok)
//!     }
//! }
//!
//! let claims = format!(
//!     r#"{{"ver":"2.0","iss":"https://login.microsoftonline.com/{TENANT}/v2.0","aud":"{CLIENT}","tid":"{TENANT}",
//!         "azp":"33333333-3333-4333-8333-333333333333","scp":"access_as_user","exp":{}}}"#,
//!     NOW + 3600
//! );
//! let parts = [r#"{"alg":"RS256","kid":"key-1"}"#, &claims, "not a signature"].map(|part| URL_SAFE_NO_PAD.encode(part));
//! let token = HeaderValue::try_from(format!("Bearer {}", parts.join(".")))?;
//! let headers = HeaderMap::from_iter([(AUTHORIZATION, token)]);
//!
//! let api = ProtectedApi::new(Policy::new(Tenancy::Single(TENANT), CLIENT, vec!["access_as_user".to_owned()]));
//! let context = Context::new(InMemory, &headers, Duration::from_secs(20));
//! let refusal = futures::executor::block_on(api.validate(&context, api.bearer(&headers)?)).unwrap_err();
//! assert_eq!(refusal.to_string(), "The token's signature is wrong.");
//! assert_eq!(refusal.problem().code(), "invalid_token");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod interface;

#[cfg(feature = "native")]
mod native;

pub use self::interface::{
    FileFault, Forward, ForwardLimits, Host, MaybeSend, MaybeSync, SendFault, StoreFault, UnixTime, UpstreamBody,
    VariableUnavailable,
};
#[cfg(feature = "native")]
pub use self::native::{NativeBody, NativeHost};
