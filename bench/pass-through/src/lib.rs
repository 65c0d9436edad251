//! The floor for measurements: forwards a request to Microsoft Graph with the caller's own `Authorization`, which must
//! already be for Graph, and does nothing else unless `adds` says so.
//!
//! This is the least that a request costs with Spin's SDK: one call, its response read whole and sent on with a length,
//! and the body's write begun before the response is returned. The variable `adds` names what it does in addition; see
//! `additions`.

#![cfg(target_family = "wasm")]

mod additions;

use std::{
    cell::RefCell,
    io::{self, Write},
    rc::Rc,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use spin_sdk::{
    http::IntoResponse,
    variables,
    wasip3::{
        exports::http::handler::Guest,
        http::{
            client,
            types::{self, ErrorCode},
        },
        http_compat,
    },
    wit_bindgen,
};

/// How often it yields before it responds. The body's first piece has then been written, and Spin sends it in one
/// packet with the head; otherwise it follows alone, and waits 40 ms for the caller to acknowledge the head.
const YIELDS_BEFORE_ANSWER: usize = 2;

spin_sdk::wasip3::http::service::export!(Component);

struct Component;

impl Guest for Component {
    async fn handle(request: types::Request) -> Result<types::Response, ErrorCode> {
        let authorization = request.get_headers().get("authorization").into_iter().next();
        drop(request);
        let authorization = authorization.unwrap_or_default();
        let settings = settings().await?;
        let line = additions::line(&settings.adds, &authorization).await;
        let answer = forward(&settings.graph_url, authorization).await?.map(Full::new).into_response()?;
        if let Some(line) = line {
            // There is nobody to report a failure to.
            let _ = io::stderr().write_all(line.as_bytes());
        }
        for _ in 0..YIELDS_BEFORE_ANSWER {
            wit_bindgen::yield_async().await;
        }
        Ok(answer)
    }
}

async fn forward(graph_url: &str, authorization: Vec<u8>) -> Result<Response<Bytes>, ErrorCode> {
    let request = Request::get(format!("{graph_url}/v1.0/me"))
        .header(header::AUTHORIZATION, authorization)
        .body(Full::<Bytes>::default())
        .map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let response = client::send(http_compat::http_into_wasi_request(request)?).await?;
    let (head, body) = http_compat::http_from_wasi_response(response)?.into_parts();
    let body = body.collect().await?.to_bytes();

    let mut answer = Response::builder().status(head.status).header(header::CONTENT_LENGTH, body.len());
    if let Some(content_type) = head.headers.get(header::CONTENT_TYPE) {
        answer = answer.header(header::CONTENT_TYPE, content_type);
    }
    Ok(answer.body(body).unwrap_or_else(|_| {
        let mut failed = Response::new(Bytes::new());
        *failed.status_mut() = StatusCode::BAD_GATEWAY;
        failed
    }))
}

struct Settings {
    graph_url: String,
    adds: String,
}

/// Read once in an instance's life, as `profile-get` reads its settings.
async fn settings() -> Result<Rc<Settings>, ErrorCode> {
    thread_local! {
        static SETTINGS: RefCell<Option<Rc<Settings>>> = const { RefCell::new(None) };
    }
    if let Some(settings) = SETTINGS.with_borrow(Option::clone) {
        return Ok(settings);
    }
    let variable = async |name| {
        variables::get(name).await.map_err(|error: variables::Error| ErrorCode::InternalError(Some(error.to_string())))
    };
    let settings = Rc::new(Settings { graph_url: variable("graph_url").await?, adds: variable("adds").await? });
    SETTINGS.set(Some(Rc::clone(&settings)));
    Ok(settings)
}
