//! A call of a downstream API for the app, and its response as one JSON document.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header, response::Parts};
use serde::Serialize;

use entra_obo::{
    Context, Downstream, Need,
    host::{Forward, ForwardLimits, SendFault, UpstreamBody},
    toolkit::{Body, RequestHead, claims_challenge, within},
};

use crate::{
    error::Error,
    log_line::RequestNotes,
    response,
    sidecar::{options::Options, tokens::Tokens},
};

/// A body is held whole, in both directions: the response becomes part of a document, and a request may be sent twice. Graph
/// takes no larger ones but in upload sessions.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// How long the API may take until its response is there, unless the request has less time left.
const LIMIT: Duration = Duration::from_secs(30);

/// A request to a downstream API, but for its token.
#[derive(Debug)]
pub(super) struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Serialize)]
struct DownstreamResult<'a> {
    #[serde(rename = "statusCode")]
    status_code: u16,
    headers: BTreeMap<&'a str, Vec<String>>,
    content: Option<&'a str>,
    /// Content that is not text, or has many control characters. Microsoft's sidecar has no such member.
    #[serde(rename = "contentBase64", skip_serializing_if = "Option::is_none")]
    content_base64: Option<String>,
}

impl Call {
    /// What the app's request asks for.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`], [`Error::BodyBroken`], [`Error::Downstream`] if it does not come in time, or [`Error::Parameter`] for a path that no address can have.
    pub(super) async fn prepare<H: Forward>(
        request: &RequestHead,
        options: &Options,
        downstream: &Downstream,
        context: &Context<H>,
        body: H::Body,
    ) -> Result<Self, Error> {
        let uri: Uri = options
            .address(downstream.base_url())
            .parse()
            .map_err(|_| Error::Parameter(options.longest_of_address().to_owned()))?;
        let limit = context.deadline.remaining(&context.host);
        let body =
            within(&context.host, limit, read(body)).await.map_err(|_| Error::Downstream(SendFault::DeadlinePassed))?;
        let body = body.map_err(|_| Error::BodyBroken)?.ok_or(Error::BodyTooLarge)?;
        let mut headers = options.headers.clone();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, options.accept.clone().unwrap_or(json));
        // No content coding is undone here.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let content_type = options.content_type.as_ref().or_else(|| request.headers.get(header::CONTENT_TYPE));
        if let Some(content_type) = content_type.filter(|_| !body.is_empty()) {
            headers.insert(header::CONTENT_TYPE, content_type.clone());
        }
        let method = options.method.clone().unwrap_or_else(|| request.method.clone());
        if !body.is_empty() || method != Method::GET {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        context.correlation.add_to(&mut headers);
        Ok(Self { method, uri, headers, body })
    }

    /// Calls the API, and once more with another token if it does not accept the first and another can help.
    ///
    /// If it accepts neither, it gets the same token for a while, because further ones would end in the same way.
    ///
    /// # Errors
    /// If there is no response, or if only a person can satisfy the API. What else the API says is part of the document.
    pub(super) async fn make<H: Forward, T: Tokens>(
        &self,
        context: &Context<H>,
        notes: &RequestNotes,
        tokens: &T,
        token: T::Token,
    ) -> Result<Response<Body<H::Body>>, Error> {
        let begun = context.host.elapsed();
        let (head, body) = self.send(context, T::authorization(&token)).await?;
        let answered = context.host.elapsed();
        notes.upstream_answered(answered.saturating_sub(begun));
        if head.status != StatusCode::UNAUTHORIZED {
            return Ok(document(&head, &body));
        }
        let holder = (tokens.holder(), tokens.downstream().clone());
        let claims = claims_challenge(&head.headers);
        let refused = |head: &Parts, body: &Bytes, claims| match (claims, tokens.sign_in_at()) {
            (Some(claims), Some(tenant_id)) => Err(Error::DownstreamClaims { tenant_id, claims }),
            _ => Ok(document(head, body)),
        };
        if tokens.held_back().refusal(&holder, answered).is_some() {
            return refused(&head, &body, claims);
        }
        let need = match &claims {
            Some(claims) => Need::WithClaims(claims.clone()),
            None => Need::InsteadOf(token),
        };
        match (tokens.obtain(&need).await, claims) {
            (Ok((token, origin)), claims) => {
                notes.exchanged(origin);
                let (head, body) = self.send(context, T::authorization(&token)).await?;
                if head.status != StatusCode::UNAUTHORIZED {
                    return Ok(document(&head, &body));
                }
                tokens.held_back().note(holder, (), context.host.elapsed());
                refused(&head, &body, claims_challenge(&head.headers).or(claims))
            }
            // The API's own words say more than an exchange that failed for want of the same.
            (Err(refusal), Some(claims)) if refusal.wants_sign_in() && tokens.sign_in_at().is_some() => {
                refused(&head, &body, Some(claims))
            }
            (Err(refusal), _) => Err(Error::Refused(refusal)),
        }
    }

    async fn send<H: Forward>(
        &self,
        context: &Context<H>,
        authorization: HeaderValue,
    ) -> Result<(Parts, Bytes), Error> {
        let host = &context.host;
        let mut request = Request::new(Body::<H::Body>::Whole(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        let left = context.deadline.remaining(host);
        if left.is_zero() {
            return Err(Error::Downstream(SendFault::DeadlinePassed));
        }
        let limit = LIMIT.min(left);
        let sending = async {
            let (head, body) = host.forward(request, ForwardLimits { head: limit, idle: limit }).await?.into_parts();
            Ok((head, read(body).await?))
        };
        let answered: Result<(Parts, Option<Bytes>), SendFault> =
            within(host, limit, sending).await.unwrap_or(Err(SendFault::TimedOut));
        match answered.map_err(Error::Downstream)? {
            (head, Some(body)) => Ok((head, body)),
            (_, None) => Err(Error::DownstreamTooLarge),
        }
    }
}

/// All of a body; `None` if it is too large.
async fn read<B: UpstreamBody>(mut body: B) -> Result<Option<Bytes>, SendFault> {
    let mut read = BytesMut::new();
    while let Some(piece) = body.next().await {
        read.extend_from_slice(&piece?);
        if read.len() > MAX_BODY_BYTES {
            return Ok(None);
        }
    }
    Ok(Some(read.freeze()))
}

fn document<B>(head: &Parts, body: &Bytes) -> Response<Body<B>> {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in &head.headers {
        headers.entry(name.as_str()).or_default().push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    let text = std::str::from_utf8(body).ok().filter(|text| is_short_in_json(text));
    let content = text.filter(|text| !text.is_empty());
    let content_base64 = text.is_none().then(|| STANDARD.encode(body));
    response::json(&DownstreamResult { status_code: head.status.as_u16(), headers, content, content_base64 })
}

/// Whether a text at most doubles in length as a JSON string, as a text of quotation marks does. A text of control
/// characters would become six times as long: 24 MiB of an instance's memory. As base64 it becomes longer by a third.
fn is_short_in_json(text: &str) -> bool {
    let longer = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => "\\u0000".len().saturating_sub(1),
        _ => 0,
    };
    text.bytes().map(longer).fold(0, usize::saturating_add) <= text.len()
}
