//! A response, read to its end.

use std::time::Duration;

use entra_obo::{
    host::{Host, UpstreamBody},
    toolkit::Body,
};
use http::{HeaderMap, Response};
use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) streamed: bool,
    pub(crate) is_cut: bool,
    pub(crate) trailers: Option<HeaderMap>,
    /// When the head was there.
    pub(crate) head_at: Duration,
}

impl Answered {
    pub(crate) async fn read<B: UpstreamBody, P>(response: Response<Body<B, P>>, host: &impl Host) -> Self {
        let head_at = host.elapsed();
        let (head, body) = response.into_parts();
        let mut answered = Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: Vec::new(),
            streamed: matches!(body, Body::Streamed(..)),
            is_cut: false,
            trailers: None,
            head_at,
        };
        match body {
            Body::Whole(bytes) => answered.body = bytes.to_vec(),
            Body::Streamed(begun, mut rest, _permit) => {
                answered.body = begun.to_vec();
                while let Some(piece) = rest.next().await {
                    match piece {
                        Ok(piece) => answered.body.extend_from_slice(&piece),
                        Err(_) => {
                            answered.is_cut = true;
                            break;
                        }
                    }
                }
                answered.trailers = rest.trailers();
            }
        }
        answered
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        self.json()["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{}", String::from_utf8_lossy(&self.body));
    }
}
