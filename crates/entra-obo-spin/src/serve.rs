//! A request to the component, and the response to it.

use entra_obo::{
    event_log,
    host::UpstreamBody,
    toolkit::{Body, RequestHead},
};
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use spin_sdk::wasip3::http::types::{self, ErrorCode, Method};

use crate::{
    body::{
        Contents, IncomingBody, OF_SERVE, OutgoingBody, Passing, StreamLimits, all_trailers, is_cut, is_whole,
        next_in_time, next_while_read, no_trailers,
    },
    handover::Handover,
    headers::{copy, copy_all, fields_of},
    host::Spin,
    scheduling,
};

/// Answers a request with `answer`, which receives the request's head with the headers in `headers_read`. What a streamed
/// body keeps (its permission, for example) is dropped when the body has been sent.
///
/// # Errors
/// None that can happen: a response that the host refuses is replaced by an empty one, and the log says so.
pub async fn serve<G: 'static>(
    request: types::Request,
    headers_read: &[HeaderName],
    answer: impl AsyncFnOnce(RequestHead) -> Response<Body<IncomingBody, G>>,
) -> Result<types::Response, ErrorCode> {
    let head = head_of(&request, copy(&request.get_headers(), headers_read));
    drop(request);
    let is_head = head.method == http::Method::HEAD;
    let passing = Passing { limits: OF_SERVE, next: next_in_time, trailers: no_trailers };
    scheduling::request(Box::pin(async { send(answer(head).await, is_head, passing).await })).await
}

/// Answers a request with `answer`, which receives all of it: every header, and the body as it arrives. What a streamed body
/// keeps is dropped when the body has been sent or, over HTTP/1, a few seconds after its reader has left.
///
/// That is noticed by writing empty pieces, which only HTTP/1 discards. HTTP/2 sends each as an empty frame, and clients and
/// proxies close connections on which they see several. Components of the same application receive them too, and trap
/// after ten if they use WASI 0.2. A `Host` header means HTTP/1: HTTP/2 has `:authority` instead, and Spin removes `Host`
/// from requests within an application. wasmtime 48 hides it from components, and then no reader is watched.
///
/// # Errors
/// None that can happen: a response that the host refuses is replaced by an empty one, and the log says so.
pub async fn serve_whole<B: UpstreamBody, G: 'static>(
    request: types::Request,
    limits: StreamLimits,
    answer: impl AsyncFnOnce(RequestHead, IncomingBody) -> Response<Body<B, G>>,
) -> Result<types::Response, ErrorCode> {
    let head = head_of(&request, copy_all(&request.get_headers()));
    let is_head = head.method == http::Method::HEAD;
    let is_http_1 = head.headers.contains_key(header::HOST);
    let next = if is_http_1 { next_while_read } else { next_in_time };
    let passing = Passing { limits, next, trailers: all_trailers };
    scheduling::request(Box::pin(async {
        let response = answer(head, IncomingBody::of_request(request)).await;
        send(response, is_head, passing).await
    }))
    .await
}

async fn send<B: UpstreamBody, G: 'static>(
    response: Response<Body<B, G>>,
    is_head: bool,
    passing: Passing<B>,
) -> Result<types::Response, ErrorCode> {
    let (response, handover) = into_wasi(response, is_head, passing).or_else(|error| {
        // Spin would make an empty 500 of an error.
        let cause = format!("the host refused the response, and an empty one went out instead: {error}");
        event_log::error(&Spin, "answer", cause);
        let mut empty: Response<Body<B, G>> = Response::new(Body::Whole(bytes::Bytes::new()));
        *empty.status_mut() = StatusCode::BAD_GATEWAY;
        into_wasi(empty, is_head, passing).map_err(|_| ErrorCode::InternalError(None))
    })?;
    handover.begin().await;
    handover.keep_others_waiting();
    Ok(response)
}

/// The head of a request.
fn head_of(request: &types::Request, headers: HeaderMap) -> RequestHead {
    let method = match request.get_method() {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
        Method::Connect => http::Method::CONNECT,
        Method::Options => http::Method::OPTIONS,
        Method::Trace => http::Method::TRACE,
        Method::Patch => http::Method::PATCH,
        // No API serves a method that `http` cannot represent.
        Method::Other(name) => name.parse().unwrap_or(http::Method::TRACE),
    };
    let target = request.get_path_with_query().unwrap_or_default();
    let authority = request.get_authority();
    RequestHead { method, authority, target, headers }
}

fn into_wasi<B: UpstreamBody, G: 'static>(
    response: Response<Body<B, G>>,
    is_head: bool,
    passing: Passing<B>,
) -> Result<(types::Response, Handover), String> {
    let (head, body) = response.into_parts();
    let fields = fields_of(&head.headers).map_err(|error| error.to_string())?;
    let body = match body {
        _ if is_head => None,
        Body::Whole(bytes) if bytes.is_empty() => None,
        body => Some(body),
    };
    let unless_said = match body {
        Some(Body::Streamed(..)) => is_cut,
        _ => is_whole,
    };
    let contents = body.as_ref().map_or(Contents::None, Contents::of);
    let (outgoing, handover, (contents, end)) = OutgoingBody::new(contents, unless_said);
    let (answer, _sent) = types::Response::new(fields, contents, end);
    // 200 is the default, and the most frequent status.
    if head.status != StatusCode::OK {
        answer.set_status_code(head.status.as_u16()).map_err(|()| "it has a status that is none".to_owned())?;
    }
    match body {
        None => {}
        Some(Body::Whole(bytes)) => scheduling::spawn(outgoing.write(bytes)),
        Some(Body::Streamed(begun, rest, permit)) => scheduling::spawn(async move {
            outgoing.stream(begun, rest, passing).await;
            drop(permit);
        }),
    }
    Ok((answer, handover))
}
