//! A response's body that is passed on as it arrives.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::HeaderMap;

use entra_obo::host::{SendFault, UpstreamBody};

/// How many bytes base64 encodes at once (RFC 4648 section 4). Between them, it is padded.
const GROUP: usize = 3;

/// How much is encoded at once. A reader has a time limit for each piece, and what was held at first may be long.
const PIECE: usize = 16 * 1024 * GROUP;

/// A body as it arrives: unchanged, or as the end of a JSON document, in base64.
#[derive(Debug)]
pub struct Streamed<B> {
    body: B,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Unchanged,
    Base64 {
        /// What was read and is not encoded yet.
        held: Bytes,
        /// What follows in the document.
        rest: &'static str,
    },
    /// Nothing follows, also after a fault: a document that is cut must not be closed.
    Ended,
}

impl<B> Streamed<B> {
    /// The body itself, with its trailers.
    pub(crate) const fn unchanged(body: B) -> Self {
        Self { body, form: Form::Unchanged }
    }

    /// What was `held` of the body and the body, in base64, and then the rest of the document.
    pub(crate) const fn in_document(held: Bytes, body: B, rest: &'static str) -> Self {
        Self { body, form: Form::Base64 { held, rest } }
    }
}

impl<B: UpstreamBody> UpstreamBody for Streamed<B> {
    async fn next(&mut self) -> Option<Result<Bytes, SendFault>> {
        let (held, rest) = match &mut self.form {
            Form::Unchanged => return self.body.next().await,
            Form::Base64 { held, rest } => (held, *rest),
            Form::Ended => return None,
        };
        while held.len() < GROUP {
            match self.body.next().await {
                Some(Ok(piece)) if held.is_empty() => *held = piece,
                Some(Ok(piece)) => *held = [&**held, &*piece].concat().into(),
                Some(Err(fault)) => {
                    self.form = Form::Ended;
                    return Some(Err(fault));
                }
                None => {
                    let end = STANDARD.encode(&*held) + rest;
                    self.form = Form::Ended;
                    return Some(Ok(end.into()));
                }
            }
        }
        let whole_groups = held.len().saturating_sub(held.len() % GROUP);
        Some(Ok(STANDARD.encode(held.split_to(whole_groups.min(PIECE))).into()))
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        match self.form {
            Form::Unchanged => self.body.trailers(),
            Form::Base64 { .. } | Form::Ended => None,
        }
    }
}
