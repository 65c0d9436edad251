//! A call of a downstream API for the app.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, response::Parts};

use entra_obo::{
    Context, Downstream, Need,
    host::{Forward, ForwardLimits, SendFault, UpstreamBody},
    toolkit::{
        Body, Locked, RequestHead,
        call::{UnclearLength, content_length},
        claims_challenge, within,
    },
};

use crate::{
    error::Error,
    log_line::RequestNotes,
    response,
    sidecar::{document::document, options::Options, tokens::Tokens},
    streamed::Streamed,
    upload::{Progress, UPLOAD_LIMIT, Upload, in_time},
};

/// How much of a body is held, in either direction; what is longer is passed on as it arrives. Graph takes no longer ones but
/// in upload sessions.
const MAX_HELD_BYTES: usize = 4 * 1024 * 1024;

/// How long a request's body is waited for, so that the request can be repeated; then it is passed on as it arrives.
const HOLD_LIMIT: Duration = Duration::from_secs(2);

/// How long the API may take until its response is there, unless the request has less time left.
const LIMIT: Duration = Duration::from_secs(30);

/// A request to a downstream API, but for its token.
#[derive(Debug)]
pub(super) struct Call<B> {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body<B>,
}

impl<B: UpstreamBody> Call<B> {
    /// What the app's request asks for.
    ///
    /// # Errors
    /// [`Error::BodyBroken`], or [`Error::Parameter`] for a path that no address can have.
    pub(super) async fn prepare<H: Forward<Body = B>>(
        request: &RequestHead,
        options: &Options,
        downstream: &Downstream,
        context: &Context<H>,
        body: B,
    ) -> Result<Self, Error> {
        let uri: Uri = options
            .address(downstream.base_url())
            .parse()
            .map_err(|_| Error::Parameter(options.longest_of_address().to_owned()))?;
        let length = content_length(&request.headers).map_err(|UnclearLength| Error::BodyBroken)?;
        let body = if is_held(length) {
            hold(&context.host, body).await.map_err(|_| Error::BodyBroken)?
        } else {
            Body::Streamed(Bytes::new(), body, ())
        };
        let length = match &body {
            Body::Whole(bytes) => {
                let actual = bytes.len().try_into().ok();
                if length.is_some() && length != actual {
                    return Err(Error::BodyBroken);
                }
                actual
            }
            Body::Streamed(..) => length,
        };
        let mut headers = options.headers.clone();
        headers.insert(header::ACCEPT, options.accept.clone().unwrap_or(response::JSON));
        // No content coding is undone here.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let content_type = options.content_type.as_ref().or_else(|| request.headers.get(header::CONTENT_TYPE));
        if let Some(content_type) = content_type.filter(|_| length != Some(0)) {
            headers.insert(header::CONTENT_TYPE, content_type.clone());
        }
        let method = options.method.clone().unwrap_or_else(|| request.method.clone());
        if let Some(length) = length.filter(|length| *length > 0 || method != Method::GET) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        context.correlation.add_to(&mut headers);
        Ok(Self { method, uri, headers, body })
    }

    /// Calls the API, and once more with another token if it does not accept the first, if another can help, and if the
    /// request's body is still there.
    ///
    /// If it accepts neither, it gets the same token for a while, because further ones would end in the same way.
    ///
    /// # Errors
    /// If there is no response, or if only a person can satisfy the API. What else the API says is part of the document.
    pub(super) async fn make<H: Forward<Body = B>, T: Tokens<H>>(
        mut self,
        context: &Context<H>,
        notes: &RequestNotes,
        tokens: &T,
        token: T::Token,
    ) -> Result<Response<Body<Streamed<B>>>, Error> {
        let is_repeatable = matches!(self.body, Body::Whole(_));
        let begun = context.host.elapsed();
        let (head, body) = self.send(context, T::authorization(&token)).await?;
        let answered = context.host.elapsed();
        notes.upstream_answered(answered.saturating_sub(begun));
        if head.status != StatusCode::UNAUTHORIZED {
            return Ok(document(&head, body));
        }
        let holder = (tokens.holder(), tokens.downstream().clone());
        let claims = claims_challenge(&head.headers);
        let refused = |head: &Parts, body: Body<B>, claims| match (claims, tokens.sign_in_at()) {
            (Some(claims), Some(tenant_id)) => Err(Error::DownstreamClaims { tenant_id, claims }),
            _ => Ok(document(head, body)),
        };
        if tokens.held_back().refusal(&holder, answered).is_some() {
            return refused(&head, body, claims);
        }
        let need = match &claims {
            Some(claims) => Need::WithClaims(claims.clone()),
            None => Need::InsteadOf(token),
        };
        // A long request may have taken more time than a request has.
        let since_arrival = answered.saturating_sub(context.elapsed);
        let later = (!is_repeatable).then(|| context.clone().with_limit(since_arrival.saturating_add(LIMIT)));
        match (tokens.obtain(later.as_ref().unwrap_or(context), &need).await, claims) {
            (Ok((_, origin)), _) if !is_repeatable => {
                // The app can repeat it, and then gets the new token. If that is refused as well, there is no other.
                notes.exchanged(origin);
                tokens.held_back().note(holder, (), context.host.elapsed());
                Ok(document(&head, body))
            }
            (Ok((token, origin)), claims) => {
                notes.exchanged(origin);
                let (head, body) = self.send(context, T::authorization(&token)).await?;
                if head.status != StatusCode::UNAUTHORIZED {
                    return Ok(document(&head, body));
                }
                tokens.held_back().note(holder, (), context.host.elapsed());
                refused(&head, body, claims_challenge(&head.headers).or(claims))
            }
            // The API's own words say more than an exchange that failed for want of the same.
            (Err(refusal), Some(claims)) if refusal.wants_sign_in() && tokens.sign_in_at().is_some() => {
                refused(&head, body, Some(claims))
            }
            (Err(refusal), _) => Err(Error::Refused(refusal)),
        }
    }

    /// Sends the request with its body, of which only one that is held can be sent again.
    async fn send<H: Forward<Body = B>>(
        &mut self,
        context: &Context<H>,
        authorization: HeaderValue,
    ) -> Result<(Parts, Body<B>), Error> {
        let host = &context.host;
        let left = context.deadline.remaining(host);
        if left.is_zero() {
            return Err(Error::Downstream(SendFault::DeadlinePassed));
        }
        let progress = Arc::new(Locked::new(Progress::begun(host.elapsed())));
        let (body, is_upload) = match std::mem::replace(&mut self.body, Body::Whole(Bytes::new())) {
            Body::Whole(bytes) => {
                self.body = Body::Whole(bytes.clone());
                (Body::Whole(bytes), false)
            }
            Body::Streamed(held, body, ()) => {
                let (progress, trailers) = (Arc::clone(&progress), |_: HeaderMap| None);
                let upload = Upload { held, body, host: host.clone(), progress, trailers };
                (Body::Streamed(Bytes::new(), upload, ()), true)
            }
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        let limit = LIMIT.min(left);
        let limits = ForwardLimits { head: if is_upload { UPLOAD_LIMIT } else { limit }, idle: LIMIT };
        let answering = async {
            let (head, mut body) = host.forward(request, limits).await?.into_parts();
            let length = content_length(&head.headers).ok().flatten();
            if !is_held(length) {
                return Ok((head, Body::Streamed(Bytes::new(), body, ())));
            }
            let mut held = BytesMut::new();
            let is_whole = fill(&mut held, &mut body).await?;
            Ok((head, held_or_begun(held, is_whole, body)))
        };
        let answered = if is_upload {
            in_time(host, &progress, pin!(answering)).await
        } else {
            within(host, limit, answering).await.unwrap_or(Err(SendFault::TimedOut))
        };
        // The API is not to blame for a request that its sender broke off.
        answered.map_err(|fault| if progress.lock().is_broken { Error::BodyBroken } else { Error::Downstream(fault) })
    }
}

/// Whether a body of this length, if it is known, is short enough to be held.
fn is_held(length: Option<u64>) -> bool {
    length.is_none_or(|length| usize::try_from(length).is_ok_and(|length| length <= MAX_HELD_BYTES))
}

/// A request's body: whole if it is not too long and does not take too long.
async fn hold<H: Forward>(host: &H, mut body: H::Body) -> Result<Body<H::Body>, SendFault> {
    let mut held = BytesMut::new();
    let is_whole = within(host, HOLD_LIMIT, fill(&mut held, &mut body)).await.unwrap_or(Ok(false))?;
    Ok(held_or_begun(held, is_whole, body))
}

fn held_or_begun<B>(held: BytesMut, is_whole: bool, rest: B) -> Body<B> {
    if is_whole { Body::Whole(held.freeze()) } else { Body::Streamed(held.freeze(), rest, ()) }
}

/// Reads a body until it ends or is too long to be held, and says whether it ended.
async fn fill<B: UpstreamBody>(held: &mut BytesMut, body: &mut B) -> Result<bool, SendFault> {
    while let Some(piece) = body.next().await {
        held.extend_from_slice(&piece?);
        if held.len() > MAX_HELD_BYTES {
            return Ok(false);
        }
    }
    Ok(true)
}
