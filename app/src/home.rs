//! The start page: the profile of the person who is signed in, or how to sign in.

use bytes::Bytes;
use http::Response;

use entra_obo::host::Host;

use crate::{
    api::{
        call::{ApiFault, ApiProfile, fetch_profile},
        problem::ApiProblem,
    },
    context::Context,
    entra::authorization::AuthorizationOptions,
    failure::Failure,
    pages::{
        ProfilePage, Welcome, journey::Journey, profile_card::ProfileCard, response, token_claims::ExplainedToken,
    },
    session::Session,
    sign_in::begin::leave_for_entra,
};

/// The longest claims that are added to the address of Entra's page. The API sends none longer.
const MAX_CLAIMS_BYTES: usize = 4096;

/// How many claims challenges in a row are answered by going to Entra. Two can be legitimate, one for a policy at Entra
/// and one for a policy at Graph; three are a loop.
const MAX_CHALLENGES: u8 = 2;

/// Answers with the profile, or with what leads to it.
///
/// # Errors
/// Why there is no profile; see [`Failure`].
pub(crate) async fn answer<H: Host>(context: &Context<'_, H>) -> Result<Response<Bytes>, Failure> {
    let Some(session) = &context.session else {
        // A cookie that does not open was sealed by another release or with another secret.
        if Session::is_present(&context.cookies, &context.settings) {
            Session::end(&context.cookies, &context.settings);
        }
        return Ok(welcome(context));
    };
    if session.has_expired(context.host.now()) {
        return Err(Failure::SessionExpired);
    }
    let started = context.host.elapsed();
    let profile = fetch_profile(context.host, &context.settings, &session.access_token, context.request_id).await;
    context.notes.api_answered_in(context.host.elapsed().saturating_sub(started));
    match profile {
        Ok(profile) => succeeded(context, session, &profile),
        Err(fault) => {
            context.notes.api_fault(&fault);
            match fault {
                ApiFault::Problem(problem) if problem.code == "claims_challenge" => {
                    challenged(context, session, problem)
                }
                fault => Err(Failure::Api(fault)),
            }
        }
    }
}

fn welcome<H: Host>(context: &Context<'_, H>) -> Response<Bytes> {
    let page = Welcome {
        layout: context.layout(),
        authority: context.settings.authority_host.as_str().to_owned(),
        scope: context.settings.requested_scope(),
    };
    response::page(&page, Some(&context.settings))
}

fn succeeded<H: Host>(
    context: &Context<'_, H>,
    session: &Session,
    api: &ApiProfile,
) -> Result<Response<Bytes>, Failure> {
    let mut session = session.clone();
    if session.challenges_in_a_row > 0 {
        session.challenges_in_a_row = 0;
        session.challenge_met = true;
        let random = [context.host.random(), context.host.random()];
        session.keep(random, &context.cookies, &context.settings).map_err(|_| Failure::TokenTooLong)?;
    }
    let now = context.host.now();
    let page = ProfilePage {
        layout: context.layout(),
        card: ProfileCard::of(&api.profile),
        journey: Journey::of(&session, api, now),
        token: ExplainedToken::of(session.access_token.expose(), now),
        json: serde_json::to_string_pretty(&api.profile).unwrap_or_default(),
        api_request_id: api.request_id.clone(),
    };
    Ok(response::page(&page, Some(&context.settings)))
}

/// Sends the person back to Entra with the claims that the API requests, unless that has not helped before.
fn challenged<H: Host>(
    context: &Context<'_, H>,
    session: &Session,
    problem: Box<ApiProblem>,
) -> Result<Response<Bytes>, Failure> {
    let is_object = |claims: &&str| {
        claims.len() <= MAX_CLAIMS_BYTES
            && serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(claims).is_ok()
    };
    let Some(claims) = problem.claims.as_deref().filter(is_object) else {
        return Err(Failure::Api(ApiFault::Problem(problem)));
    };
    if session.challenges_in_a_row >= MAX_CHALLENGES {
        return Err(Failure::ChallengeRepeated(problem));
    }
    let options = AuthorizationOptions { prompt: None, login_hint: session.username.as_deref(), claims: Some(claims) };
    leave_for_entra(context, &options, session.challenges_in_a_row.saturating_add(1))
}
