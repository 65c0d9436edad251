//! RS256 verification in WebAssembly, by `profile-get`'s own module and by jwt-simple: `POST /rs256` with a token, the
//! key that signed it and the verifier to use verifies over and over, and responds how often.

#![cfg(target_family = "wasm")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use jwt_simple::prelude::{NoCustomClaims, RS256PublicKey, RSAPublicKeyLike};
use rsa_signature::RsaPublicKey;
use serde::Deserialize;
use spin_sdk::{
    http::IntoResponse,
    wasip3::{
        exports::http::handler::Guest,
        http::types::{self, ErrorCode},
        http_compat,
    },
    wit_bindgen,
};

/// How long one request keeps it busy.
const MEASURED: Duration = Duration::from_secs(1);
/// How many verifications between two readings of the clock.
const BATCH: u32 = 16;

spin_sdk::wasip3::http::service::export!(Component);

struct Component;

/// What to verify, and by what. Numbers as in a JSON Web Key (RFC 7518 section 6.3.1).
#[derive(Deserialize)]
struct Question {
    by: Verifier,
    n: String,
    e: String,
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verifier {
    ProfileGet,
    JwtSimple,
}

impl Guest for Component {
    async fn handle(request: types::Request) -> Result<types::Response, ErrorCode> {
        let body = http_compat::http_from_wasi_request(request)?.into_body().collect().await?.to_bytes();
        let (status, text) = match answer(&body) {
            Ok(answer) => (StatusCode::OK, answer),
            Err(reason) => (StatusCode::BAD_REQUEST, reason),
        };
        let mut response = Response::new(Full::<Bytes>::from(text.clone()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_LENGTH, text.len().into());
        let response = response.into_response()?;
        for _ in 0..2 {
            wit_bindgen::yield_async().await;
        }
        Ok(response)
    }
}

/// How many verifications were done, as text.
fn answer(question: &[u8]) -> Result<String, String> {
    let question: Question = serde_json::from_slice(question).map_err(|error| error.to_string())?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|error| error.to_string());
    let (modulus, exponent) = (decoded(&question.n)?, decoded(&question.e)?);
    match question.by {
        Verifier::ProfileGet => {
            let (signed, signature) = question.token.rsplit_once('.').ok_or("the token has no signature")?;
            let signature = decoded(signature)?;
            let key = RsaPublicKey::new(&modulus, &exponent).map_err(|error| error.to_string())?;
            repeat(|| key.verify_sha256(black_box(signed.as_bytes()), &signature))
        }
        Verifier::JwtSimple => {
            let key = RS256PublicKey::from_components(&modulus, &exponent).map_err(|error| error.to_string())?;
            repeat(|| key.verify_token::<NoCustomClaims>(black_box(&question.token), None).is_ok())
        }
    }
}

/// How often `verify`, which must accept each time, runs within the time.
#[expect(clippy::disallowed_methods, reason = "the clock is what this is about")]
fn repeat(verify: impl Fn() -> bool) -> Result<String, String> {
    let (started, mut rounds) = (Instant::now(), 0_u32);
    while started.elapsed() < MEASURED {
        for _ in 0..BATCH {
            if !verify() {
                return Err("the token is not accepted".to_owned());
            }
        }
        rounds += BATCH;
    }
    Ok(rounds.to_string())
}
