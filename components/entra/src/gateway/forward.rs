//! The request to the app, and its response.

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};

use entra_obo::{
    Context,
    host::{Forward, ForwardLimits, SendFault, UpstreamBody},
    settings::address::is_of_this_application,
    toolkit::{
        Body, Locked, RequestHead,
        call::{UnclearLength, content_length},
        race,
    },
};

use crate::{
    error::Error,
    gateway::headers::{are_too_large, trailers_to_app, without_connection},
    log_line::RequestNotes,
    settings::GatewaySettings,
    streamed::Streamed,
    upload::{HEAD_LIMIT, Progress, UPLOAD_LIMIT, Upload, in_time},
};

/// A stream that sends nothing for this long is considered dead: servers of events send at least comments more often.
pub(crate) const STREAM_IDLE: Duration = Duration::from_secs(300);

/// Responses up to this size are read whole and sent with their length, which costs one packet; larger ones are passed on as
/// they arrive.
const MAX_WHOLE_BYTES: usize = 64 * 1024;

/// How long a small response is waited for, counted from the request or, if its head takes longer, from its head. Then it
/// is passed on as it arrives.
const WHOLE_LIMIT: Duration = Duration::from_millis(100);

/// Passes a request on to the app with these headers.
///
/// # Errors
/// [`Error::BodyBroken`] if the request is incomplete, or [`Error::App`] if there is no response, or if its body breaks
/// before any of it was passed on.
pub(super) async fn forward<H: Forward>(
    context: &Context<H>,
    notes: &RequestNotes,
    gateway: &Arc<GatewaySettings>,
    request: &RequestHead,
    mut headers: HeaderMap,
    body: H::Body,
) -> Result<Response<Body<Streamed<H::Body>>>, Error> {
    let host = &context.host;
    let begun = host.elapsed();
    let length = settle_length(&mut headers).map_err(|UnclearLength| Error::BodyBroken)?;
    let progress = Arc::new(Locked::new(Progress::begun(begun)));
    let uri: Uri = format!("{}{}", gateway.upstream, request.target)
        .parse()
        .map_err(|_| Error::Path("The request's target is no part of an address."))?;
    let own = Arc::clone(gateway);
    let trailers = move |trailers: HeaderMap| Some(trailers_to_app(&trailers, &own));
    let progress_of = Arc::clone(&progress);
    let upload = Upload { held: Bytes::new(), body, host: host.clone(), progress: progress_of, trailers };
    let is_chunked = request.headers.contains_key(header::TRANSFER_ENCODING);
    let body = begin(upload, &request.method, length, is_chunked).await?;
    let is_upload = matches!(body, Body::Streamed(..));
    if !is_upload && request.method != Method::GET && request.method != Method::HEAD {
        // Otherwise a host announces chunks, of which there are none, and some servers refuse a body where they expect none.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    }
    let mut outgoing = Request::new(body);
    *outgoing.method_mut() = request.method.clone();
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = headers;

    let limits = ForwardLimits { head: if is_upload { UPLOAD_LIMIT } else { HEAD_LIMIT }, idle: STREAM_IDLE };
    let sending = host.forward(outgoing, limits);
    let mut sending = pin!(sending);
    // One timer for both waits, because it costs as much as ten other calls of the host: most responses are complete before
    // it ends.
    let mut soon = pin!(host.sleep(WHOLE_LIMIT));
    let response = match race(soon.as_mut(), sending.as_mut()).await {
        Ok(response) => response,
        Err(_) => {
            // Spin keeps no limits within an application.
            let is_kept = host.keeps_limits() && !is_upload && !is_of_this_application(&gateway.upstream);
            let response = if is_kept { sending.await } else { in_time(host, &progress, sending).await };
            soon.set(host.sleep(WHOLE_LIMIT));
            response
        }
    };
    // The app is not to blame for a request that its sender broke off.
    let response =
        response.map_err(|fault| if progress.lock().is_broken { Error::BodyBroken } else { Error::App(fault) })?;
    notes.upstream_answered(host.elapsed().saturating_sub(begun));

    let (mut head, body) = response.into_parts();
    if !(200..600).contains(&head.status.as_u16()) {
        // An interim response, or a status that does not exist and that no host would send on (RFC 9110 section 15).
        return Err(Error::App(SendFault::Broken("its response has a status that is none".to_owned())));
    }
    without_connection(&mut head.headers);
    if are_too_large(&head.headers) {
        return Err(Error::App(SendFault::Broken("its response's headers are too large".to_owned())));
    }
    if matches!(head.status.as_u16(), 204 | 205) {
        // A length without content would make a client wait for bytes of the next response (RFC 9110 section 8.6).
        head.headers.remove(header::CONTENT_LENGTH);
    }
    let length = settle_length(&mut head.headers).map_err(|UnclearLength| {
        Error::App(SendFault::Broken("its response has a length that is not one number".to_owned()))
    })?;
    let has_content = request.method != Method::HEAD && !matches!(head.status.as_u16(), 204 | 205 | 304);
    let length = length.and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length <= MAX_WHOLE_BYTES && has_content);
    let body = match length {
        _ if !has_content => Body::Whole(Bytes::new()),
        Some(length) if !head.headers.contains_key(header::TRAILER) => whole(soon, body, length).await?,
        _ => Body::Streamed(Bytes::new(), Streamed::unchanged(body), ()),
    };
    Ok(Response::from_parts(head, body))
}

/// The length in `headers`, which then state it once: programs differ in whether they accept a repeated one.
fn settle_length(headers: &mut HeaderMap) -> Result<Option<u64>, UnclearLength> {
    let length = content_length(headers)?;
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(length)
}

/// Reads the first piece of the body, to know before the request is sent whether there is a body. In HTTP/2 the head does
/// not say so.
async fn begin<B: UpstreamBody>(
    mut upload: B,
    method: &Method,
    length: Option<u64>,
    is_chunked: bool,
) -> Result<Body<B>, Error> {
    let says_nothing = length.is_none() && !is_chunked;
    if length == Some(0) || says_nothing && (method == Method::GET || method == Method::HEAD) {
        return Ok(Body::Whole(Bytes::new()));
    }
    match upload.next().await {
        None if length.is_none() => Ok(Body::Whole(Bytes::new())),
        Some(Ok(piece)) => Ok(Body::Streamed(piece, upload, ())),
        None | Some(Err(_)) => Err(Error::BodyBroken),
    }
}

/// The body of a response of this length: whole if it arrives before the timer ends.
async fn whole<B: UpstreamBody>(
    mut soon: Pin<&mut impl Future<Output = ()>>,
    mut body: B,
    length: usize,
) -> Result<Body<Streamed<B>>, Error> {
    let broken = || Error::App(SendFault::Broken("its response is incomplete".to_owned()));
    let mut read = BytesMut::new();
    while read.len() < length {
        let Ok(next) = race(soon.as_mut(), body.next()).await else {
            return Ok(Body::Streamed(read.freeze(), Streamed::unchanged(body), ()));
        };
        let piece = next.ok_or_else(broken)?.map_err(Error::App)?;
        if read.is_empty() {
            // Without a copy: most bodies come in one piece.
            read = piece.into();
        } else {
            read.extend_from_slice(&piece);
        }
    }
    if read.len() > length {
        return Err(broken());
    }
    Ok(Body::Whole(read.freeze()))
}
