//! `GET /v1.0/me/photo/$value`: <https://learn.microsoft.com/graph/api/profilephoto-get>.

use http::{Response, StatusCode, header};
use jpeg_encoder::{ColorType, Encoder};
use ring::digest;

use super::error::GraphError;
use crate::{
    directory::person::Person,
    wire::{self, ResponseBody},
};

/// The edge of the square, in pixels: one of the sizes that Graph keeps.
const EDGE: u16 = 96;

pub(super) fn respond(person: &Person) -> Result<Response<ResponseBody>, GraphError> {
    let not_found = || GraphError::new(StatusCode::NOT_FOUND, "ImageNotFound", "There is no photo of this person.");
    let photo = person.has_photo.then(|| photo(&person.name)).flatten().ok_or_else(not_found)?;
    let hash = digest::digest(&digest::SHA256, &photo);
    let tag: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02X}")).collect();
    let mut response = wire::response(StatusCode::OK, "image/jpeg", "");
    *response.body_mut() = wire::chunked(photo);
    wire::set_header(&mut response, header::ETAG, &format!("\"{tag}\""));
    wire::set_header(&mut response, header::CACHE_CONTROL, "private");
    Ok(response)
}

/// A JPEG with a gradient in a colour of the person's own.
fn photo(name: &str) -> Option<Vec<u8>> {
    let colour = digest::digest(&digest::SHA256, name.as_bytes());
    let [red, green, blue, ..] = colour.as_ref() else { return None };
    let edge = u32::from(EDGE);
    let pixels: Vec<u8> = (0..edge * edge)
        .flat_map(|index| {
            let light = (index % edge + index / edge) / 2 + 96;
            // Mixed with white, so that no photo is nearly black.
            [red, green, blue].map(|part| u8::try_from((128 + u32::from(*part) / 2) * light / 192).unwrap_or(u8::MAX))
        })
        .collect();
    let mut photo = Vec::new();
    Encoder::new(&mut photo, 80).encode(&pixels, EDGE, EDGE, ColorType::Rgb).ok()?;
    Some(photo)
}
