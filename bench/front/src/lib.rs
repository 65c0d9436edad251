//! The floor for measurements of the component `entra`: a front that forwards a request to another component of its
//! application, and does nothing else; and, where `upstream` is empty, the app behind it, which says who calls.
//!
//! The front is as careful as the gateway: methods, headers and streams pass, and a small response is read whole, so
//! that it is sent with its length in one packet. Headers stay in the host, since nothing needs to read them.

#![cfg(target_family = "wasm")]

use std::{cell::RefCell, rc::Rc};

use spin_sdk::{
    variables,
    wasip3::{
        exports::http::handler::Guest,
        http::{
            client,
            types::{ErrorCode, Fields, HeaderError, Method, Request, Response, Scheme},
        },
        wit_future, wit_stream,
    },
    wit_bindgen::{self, StreamResult},
};

/// The header by which the app knows its caller. The gateway sets it; in front of the floor, the caller does.
const CALLER: &str = "x-ms-client-principal-id";

/// The app's response is as long as one of the sidecar with a Graph token.
const APP_BODY_BYTES: usize = 1_400;

/// Larger bodies are passed on as they arrive.
const MAX_WHOLE_BYTES: usize = 64 * 1024;

/// How often it yields before it responds; see the pass-through.
const YIELDS_BEFORE_ANSWER: usize = 2;

spin_sdk::wasip3::http::service::export!(Component);

struct Component;

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let upstream = upstream().await?;
        if upstream.is_empty() {
            return who_calls(&request);
        }
        let response = forward(request, &upstream).await?;
        for _ in 0..YIELDS_BEFORE_ANSWER {
            wit_bindgen::yield_async().await;
        }
        Ok(response)
    }
}

fn who_calls(request: &Request) -> Result<Response, ErrorCode> {
    let caller = request.get_headers().get(CALLER).into_iter().next().unwrap_or_default();
    let mut body = format!("{{\"id\":\"{}\",\"padding\":\"", String::from_utf8_lossy(&caller));
    let padding = APP_BODY_BYTES.saturating_sub(body.len());
    body = format!("{body}{:0<padding$}\"}}", "");
    let headers = [("content-type", "application/json".to_owned()), ("content-length", body.len().to_string())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.into_bytes()));
    Ok(whole(Fields::from_list(&headers).map_err(refused)?, body.into_bytes()))
}

async fn forward(request: Request, upstream: &str) -> Result<Response, ErrorCode> {
    let (method, path, headers) = (request.get_method(), request.get_path_with_query(), request.get_headers().clone());
    let has_body = headers.has("content-length") || headers.has("transfer-encoding");
    let (_taken, taken) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, taken);
    let (call, _sent) = Request::new(headers, has_body.then_some(contents), trailers, None);
    let set = || {
        // GET is the default.
        if !matches!(method, Method::Get) {
            call.set_method(&method)?;
        }
        call.set_scheme(Some(&Scheme::Http))?;
        call.set_authority(Some(upstream))?;
        call.set_path_with_query(path.as_deref())
    };
    set().map_err(|()| ErrorCode::HttpRequestUriInvalid)?;

    let response = client::send(call).await?;
    let (status, headers) = (response.get_status_code(), response.get_headers().clone());
    let length = length_of(&headers).filter(|length| *length <= MAX_WHOLE_BYTES);
    let (_taken, taken) = wit_future::new(|| Ok(()));
    let (mut contents, trailers) = Response::consume_body(response, taken);
    let response = match length {
        Some(length) => {
            let (mut result, mut body) = (StreamResult::Complete(0), Vec::with_capacity(length));
            while body.len() < length && matches!(result, StreamResult::Complete(_)) {
                (result, body) = contents.read(body).await;
            }
            whole(headers, body)
        }
        None => Response::new(headers, Some(contents), trailers).0,
    };
    // 200 is the default.
    if status != 200 {
        response.set_status_code(status).map_err(|()| ErrorCode::HttpProtocolError)?;
    }
    Ok(response)
}

fn length_of(headers: &Fields) -> Option<usize> {
    str::from_utf8(headers.get("content-length").first()?).ok()?.parse().ok()
}

/// A response whose body is written as soon as somebody reads it.
fn whole(headers: Fields, body: Vec<u8>) -> Response {
    let (mut contents, reader) = wit_stream::new();
    let (_end, end) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn(async move {
        contents.write_all(body).await;
    });
    Response::new(headers, Some(reader), end).0
}

fn refused(error: HeaderError) -> ErrorCode {
    ErrorCode::InternalError(Some(error.to_string()))
}

/// Read once in an instance's life, as `entra` reads its settings.
async fn upstream() -> Result<Rc<str>, ErrorCode> {
    thread_local! {
        static UPSTREAM: RefCell<Option<Rc<str>>> = const { RefCell::new(None) };
    }
    if let Some(upstream) = UPSTREAM.with_borrow(Option::clone) {
        return Ok(upstream);
    }
    let upstream = variables::get("upstream").await;
    let upstream: Rc<str> = upstream.map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?.into();
    UPSTREAM.set(Some(Rc::clone(&upstream)));
    Ok(upstream)
}
