//! A response's body that is passed on as it arrives.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::HeaderMap;

use entra_obo::host::{SendFault, UpstreamBody};

/// How many bytes base64 encodes at once (RFC 4648 section 4). Between them, it is padded.
const GROUP: usize = 3;

/// A body as it arrives: unchanged, or as the end of a JSON document, in base64.
#[derive(Debug)]
pub struct Streamed<B> {
    body: B,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Unchanged,
    /// What is not yet a group, and what follows the last one.
    Base64(Vec<u8>, &'static str),
    Ended,
}

impl<B> Streamed<B> {
    /// The body itself, with its trailers.
    pub(crate) const fn unchanged(body: B) -> Self {
        Self { body, form: Form::Unchanged }
    }

    /// The body after `begun`, in base64, and then the rest of the document.
    pub(crate) fn in_document(begun: Bytes, body: B, rest: &'static str) -> Self {
        Self { body, form: Form::Base64(begun.into(), rest) }
    }
}

impl<B: UpstreamBody> UpstreamBody for Streamed<B> {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        let (held, rest) = match &mut self.form {
            Form::Unchanged => return self.body.next().await,
            Form::Base64(held, rest) => (held, *rest),
            Form::Ended => return None,
        };
        while held.len() < GROUP {
            match self.body.next().await {
                Some(Ok(piece)) => held.extend_from_slice(&piece),
                Some(Err(fault)) => return Some(Err(fault)),
                None => {
                    let end = STANDARD.encode(&*held) + rest;
                    self.form = Form::Ended;
                    return Some(Ok(end.into()));
                }
            }
        }
        let open = held.split_off(held.len().saturating_sub(held.len() % GROUP));
        Some(Ok(STANDARD.encode(std::mem::replace(held, open)).into()))
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        match self.form {
            Form::Unchanged => self.body.trailers(),
            Form::Base64(..) | Form::Ended => None,
        }
    }
}
