//! The flow: from the request's headers to the person's profile.

use std::{rc::Rc, time::Duration};

use http::{HeaderMap, Response};

use crate::{
    caller::bearer_token::BearerToken,
    caller::unverified_token::UnverifiedToken,
    caller::verified_caller::{CallerRefusal, UnverifiedCaller, VerifiedCaller},
    exchange::refusal::Meaning,
    exchange::source::{Need, TokenSource},
    exchange::token::GraphToken,
    graph::request::{self, GraphMeaning, GraphRefusal, Resource},
    host::{Host, SendFault},
    instance::Context,
    keys::source::KeySource,
    log_line::RequestNotes,
    refusal::error::Error,
    response::{self, Body},
    upstream::call::{self, FaultKind, Reading},
};

/// For how long no further exchange is made for a caller whose new token Graph has refused too. Graph's reasons, such as
/// the person's location or a revoked session, last longer, and Entra takes exchanges in a row for a loop (AADSTS50196).
const REFUSED_BY_GRAPH_PAUSE: Duration = Duration::from_secs(15);

/// Serves `resource` to the bearer of the token in `headers`.
///
/// # Errors
/// Whatever stands against it; see [`Error`].
pub async fn get<H: Host>(
    context: &Context<H>,
    notes: &RequestNotes,
    bearer: BearerToken,
    resource: &Resource,
) -> Result<Response<Body<H::Body>>, Error> {
    // 1. Who calls, and may they?
    let caller = Rc::new(verify(context, bearer).await?);
    notes.validated(&caller, context.host.elapsed());

    // 2. A token for Graph in their name, 3. and Graph's answer to it.
    let token = token(context, notes, &caller, &Need::Any).await?;
    let refusal = match ask_graph(context, notes, &caller, resource, &token).await? {
        Answer::Found(response) => return Ok(response),
        Answer::Refused(refusal) => refusal,
    };

    // 4. Once more, if another token can help.
    let refused = Rc::clone(&token);
    let need = match &refusal.meaning {
        GraphMeaning::TokenRefused => Need::InsteadOf(token),
        GraphMeaning::ClaimsChallenge(claims) => Need::WithClaims(claims.clone()),
        _ => return Err(Error::Graph { tenant_id: caller.tenant_id(), refusal }),
    };
    let (refused, error) = match self::token(context, notes, &caller, &need).await {
        Ok(token) => match ask_graph(context, notes, &caller, resource, &token).await? {
            Answer::Found(response) => return Ok(response),
            Answer::Refused(refusal) if refusal.is_of_token() => {
                (token, Error::Graph { tenant_id: caller.tenant_id(), refusal })
            }
            Answer::Refused(refusal) => return Err(Error::Graph { tenant_id: caller.tenant_id(), refusal }),
        },
        Err(error) => (refused, second_exchange_failed(error, &caller, refusal)),
    };
    // Else the next request would meet Graph with the same token, or cause the same exchanges.
    TokenSource::forget(context, &caller, &refused);
    if matches!(error, Error::Graph { .. }) {
        context.caches.tokens.hold_back(&caller, &error, context.host.elapsed(), REFUSED_BY_GRAPH_PAUSE);
    }
    Err(error)
}

/// The token of a request, taken from its headers.
///
/// # Errors
/// [`Error::Bearer`]
pub fn bearer(headers: &HeaderMap) -> Result<BearerToken, Error> {
    BearerToken::from_headers(headers).map_err(Error::Bearer)
}

async fn verify<H: Host>(context: &Context<H>, bearer: BearerToken) -> Result<VerifiedCaller, Error> {
    let refuse = |fault| Error::Caller(CallerRefusal::Token(fault));
    let unverified = UnverifiedToken::decode(bearer).map_err(refuse)?;
    let unverified = UnverifiedCaller::judge(unverified, &context.settings, context.now).map_err(refuse)?;
    let keys = KeySource::keys(context, unverified.version(), unverified.key_id()).await;
    let keys = keys.map_err(|error| or_outage_of_variables(context, error))?;
    unverified.verify(&keys, &context.settings).map_err(Error::Caller)
}

/// Entra is not to blame where the host did not get as far as calling it.
fn or_outage_of_variables<H: Host>(context: &Context<H>, error: Error) -> Error {
    let is_hosts_own = matches!(
        &error,
        Error::Upstream(fault) if matches!(fault.kind, FaultKind::Send(SendFault::TimedOut | SendFault::Denied))
    );
    let outage = is_hosts_own.then(|| context.instance.credential.outage()).flatten();
    outage.unwrap_or(error)
}

async fn token<H: Host>(
    context: &Context<H>,
    notes: &RequestNotes,
    caller: &Rc<VerifiedCaller>,
    need: &Need,
) -> Result<Rc<GraphToken>, Error> {
    let outcome = TokenSource::obtain(context, caller, need).await;
    notes.exchanged(outcome.as_ref().ok().map(|(_, origin)| *origin), || context.host.elapsed());
    outcome.map(|(token, _)| token)
}

enum Answer<B> {
    Found(Response<Body<B>>),
    Refused(GraphRefusal),
}

async fn ask_graph<H: Host>(
    context: &Context<H>,
    notes: &RequestNotes,
    caller: &VerifiedCaller,
    resource: &Resource,
    token: &GraphToken,
) -> Result<Answer<H::Body>, Error> {
    let Context { host, settings, correlation, deadline, .. } = context;
    let request = request::request(resource, token, settings, correlation)
        .ok_or_else(|| Error::Internal("the request to Graph could not be made".to_owned()))?;
    let call::Answer { head, reading, rest } = call::call(host, *deadline, resource.step(), request).await?;
    notes.graph_answered(host.elapsed());

    if request::is_answer(&head, &reading, resource) {
        let permit = || context.instance.streams.permit(caller.person());
        let response = response::of_graph(head.status, &head.headers, reading, rest, permit);
        return response.map(Answer::Found).map_err(Error::TooManyStreams);
    }
    let (Reading::Whole(bytes) | Reading::Begun(bytes)) = reading;
    Ok(Answer::Refused(GraphRefusal::read(resource, head.status, &head.headers, &bytes, host.now())))
}

/// Graph's claims challenge says more than an exchange that failed for want of the same: it goes on to the caller, who
/// can satisfy it.
fn second_exchange_failed(error: Error, caller: &VerifiedCaller, refusal: GraphRefusal) -> Error {
    let wants_person = matches!(
        &error,
        Error::Exchange { refusal, .. }
            if matches!(refusal.meaning, Meaning::InteractionRequired | Meaning::AssertionRefused)
    );
    if wants_person && matches!(refusal.meaning, GraphMeaning::ClaimsChallenge(_)) {
        Error::Graph { tenant_id: caller.tenant_id(), refusal }
    } else {
        error
    }
}
