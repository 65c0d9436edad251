//! The person's photo, or their initials if there is none to be had.

use bytes::Bytes;
use http::Response;

use crate::{
    api::call,
    app::Context,
    failure::Failure,
    host::Host,
    pages::{initials::Initials, response},
};

/// Answers with an image for the card; a page whose image is missing would look broken.
///
/// # Errors
/// [`Failure::NotFound`] if nobody is signed in.
pub async fn answer<H: Host>(context: &Context<'_, H>) -> Result<Response<Bytes>, Failure> {
    let Context { host, settings, request_id, notes, .. } = context;
    let session = context.signed_in().ok_or(Failure::NotFound)?;
    let started = host.elapsed();
    let photo = call::photo(*host, settings, &session.access_token, *request_id).await;
    notes.api_answered_in(host.elapsed().saturating_sub(started));
    match photo {
        Ok((bytes, media_type)) => Ok(response::image(media_type, bytes)),
        Err(fault) => {
            notes.api_fault(&fault);
            response::initials(&Initials::of(&session.name))
        }
    }
}
