//! The person's photo, or a placeholder with their initials.

use bytes::Bytes;
use http::Response;

use entra_obo::host::Host;

use crate::{
    api::call::fetch_photo,
    context::Context,
    failure::Failure,
    pages::{initials::Initials, response},
};

/// Always answers with an image, since a card without one would look broken.
///
/// # Errors
/// [`Failure::NotFound`] if nobody is signed in.
pub(crate) async fn answer<H: Host>(context: &Context<'_, H>) -> Result<Response<Bytes>, Failure> {
    let Context { host, settings, request_id, notes, .. } = context;
    let session = context.signed_in().ok_or(Failure::NotFound)?;
    let started = host.elapsed();
    let photo = fetch_photo(*host, settings, &session.access_token, *request_id).await;
    notes.api_answered_in(host.elapsed().saturating_sub(started));
    match photo {
        Ok((bytes, media_type)) => Ok(response::image(media_type, bytes)),
        Err(fault) => {
            notes.api_fault(&fault);
            response::initials(&Initials::of(&session.name))
        }
    }
}
