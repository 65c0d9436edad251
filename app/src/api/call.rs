//! Calls to the API, as the person.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::{Map, Value};
use uuid::Uuid;

use entra_obo::{
    host::{Host, UnixTime},
    toolkit::{CLIENT_REQUEST_ID, Deadline, Step, UpstreamFault, call::fetch_once},
};

use crate::{
    api::{
        problem::ApiProblem,
        server_timing::{self, Timing},
    },
    secret::Secret,
    settings::AppSettings,
};

const PROFILE_PATH: &str = "/api/profile-get";
const PHOTO_PATH: &str = "/api/profile-get/photo";

/// By default the API responds within 20 s. A profile has a few kB.
const PROFILE: Step = Step { service: "API", name: "profile", timeout: Duration::from_secs(25), max_body: 256 * 1024 };

/// Graph stores photos of up to 4 MB.
const PHOTO: Step = Step { service: "API", name: "photo", timeout: Duration::from_secs(25), max_body: 4 * 1024 * 1024 };

/// Image types that browsers show and that cannot hold scripts.
const PHOTO_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// A profile, and what the API reported about the call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiProfile {
    /// The user, as Graph returned it.
    pub(crate) profile: Map<String, Value>,
    /// How long the API's steps took, if it reports it.
    pub(crate) timings: Vec<Timing>,
    /// How long the call took for this app.
    pub(crate) took: Duration,
    /// Finds the call in the API's log.
    pub(crate) request_id: Option<String>,
}

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiFault {
    /// The API did not respond.
    Call(UpstreamFault),
    /// It responded with this status, but neither a profile nor a problem document.
    Unusable(StatusCode),
    /// It refused.
    Problem(Box<ApiProblem>),
}

/// Fetches the person's profile.
///
/// # Errors
/// See [`ApiFault`].
pub(crate) async fn fetch_profile<H: Host>(
    host: &H,
    settings: &AppSettings,
    token: &Secret,
    request_id: Uuid,
) -> Result<ApiProfile, ApiFault> {
    let started = host.elapsed();
    let response = call(host, settings, token, request_id, PROFILE_PATH, PROFILE).await?;
    let took = host.elapsed().saturating_sub(started);
    if response.status() != StatusCode::OK {
        return Err(refusal(&response, host.now()));
    }
    let profile = serde_json::from_slice(response.body()).map_err(|_| ApiFault::Unusable(response.status()))?;
    let request_id = header_text(response.headers(), "request-id");
    Ok(ApiProfile { profile, timings: server_timing::parse(response.headers()), took, request_id })
}

/// Fetches the person's photo and its media type.
///
/// # Errors
/// See [`ApiFault`], also if the person has no photo.
pub(crate) async fn fetch_photo<H: Host>(
    host: &H,
    settings: &AppSettings,
    token: &Secret,
    request_id: Uuid,
) -> Result<(Bytes, &'static str), ApiFault> {
    let response = call(host, settings, token, request_id, PHOTO_PATH, PHOTO).await?;
    if response.status() != StatusCode::OK {
        return Err(refusal(&response, host.now()));
    }
    let content_type = header_text(response.headers(), header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let media_type = PHOTO_TYPES.into_iter().find(|known| content_type.eq_ignore_ascii_case(known));
    media_type.map_or(Err(ApiFault::Unusable(response.status())), |media_type| Ok((response.into_body(), media_type)))
}

async fn call<H: Host>(
    host: &H,
    settings: &AppSettings,
    token: &Secret,
    request_id: Uuid,
    path: &str,
    step: Step,
) -> Result<Response<Bytes>, ApiFault> {
    let invalid = || ApiFault::Call(step.unusable("the request could not be built"));
    let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| invalid())?;
    authorization.set_sensitive(true);
    let request = Request::builder()
        .method(Method::GET)
        .uri(format!("{}{path}", settings.api_url.as_str()))
        .header(header::AUTHORIZATION, authorization)
        .header(CLIENT_REQUEST_ID, request_id.to_string())
        .body(Bytes::new())
        .map_err(|_| invalid())?;
    let deadline = Deadline::after(host.elapsed(), step.timeout);
    fetch_once(host, deadline, step, &request).await.map_err(ApiFault::Call)
}

fn refusal(response: &Response<Bytes>, now: UnixTime) -> ApiFault {
    match ApiProblem::parse(response, now) {
        Some(problem) => ApiFault::Problem(Box::new(problem)),
        None => ApiFault::Unusable(response.status()),
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
