//! The flow: from the request's headers to the person's profile.

use std::sync::Arc;

use http::Response;

use entra_obo::{
    BearerToken, Context, DownstreamToken, Need, VerifiedCaller,
    host::Host,
    toolkit::{Reading, UpstreamResponse, call},
};

use crate::{
    error::Error,
    graph::resource::{self, GraphMeaning, GraphRefusal, Resource},
    instance::App,
    log_line::RequestNotes,
    response::{self, Body},
};

/// Serves `resource` to the bearer of a token.
///
/// # Errors
/// Whatever keeps it from doing so; see [`Error`].
pub(crate) async fn get<H: Host>(
    app: &App,
    context: &Context<H>,
    notes: &RequestNotes,
    bearer: BearerToken,
    resource: &Resource,
) -> Result<Response<Body<H::Body>>, Error> {
    // 1. Who calls, and may they?
    let caller = app.api.validate(context, bearer).await?;
    notes.validated(&caller, context.host.elapsed());
    let of_graph = |refusal| Error::Graph { tenant_id: caller.tenant_id(), refusal };
    if let Some(refusal) = app.held_back.refusal(caller.digest(), context.elapsed) {
        return Err(of_graph(refusal));
    }

    // 2. A token for Graph in their name, 3. and Graph's response to it.
    let token = token(app, context, notes, &caller, &Need::Any).await?;
    let refusal = match ask_graph(app, context, notes, &caller, resource, &token).await? {
        Answer::Found(response) => return Ok(response),
        Answer::Refused(refusal) => refusal,
    };

    // 4. Once more, if another token can help.
    let refused = token.clone();
    let need = match &refusal.meaning {
        GraphMeaning::TokenRefused => Need::InsteadOf(token),
        GraphMeaning::ClaimsChallenge(claims) => Need::WithClaims(claims.clone()),
        _ => return Err(of_graph(refusal)),
    };
    let (refused, error) = match self::token(app, context, notes, &caller, &need).await {
        Ok(token) => match ask_graph(app, context, notes, &caller, resource, &token).await? {
            Answer::Found(response) => return Ok(response),
            Answer::Refused(refusal) if refusal.is_of_token() => (token, of_graph(refusal)),
            Answer::Refused(refusal) => return Err(of_graph(refusal)),
        },
        // Graph's claims challenge says more than an exchange that failed for the same reason: the caller gets the
        // challenge, and can satisfy it.
        Err(Error::Refused(entras))
            if entras.wants_sign_in() && matches!(refusal.meaning, GraphMeaning::ClaimsChallenge(_)) =>
        {
            (refused, of_graph(refusal))
        }
        // The token is as good as before, and Entra's refusal is repeated for a while.
        Err(error) if matches!(need, Need::WithClaims(_)) => return Err(error),
        Err(error) => (refused, error),
    };
    // Otherwise the next request would send Graph the same token, or cause the same exchanges.
    app.api.forget(context, &caller, &app.settings.graph, &refused);
    if let Error::Graph { refusal, .. } = &error {
        app.held_back.note(*caller.digest(), refusal.clone(), context.host.elapsed());
    }
    Err(error)
}

async fn token<H: Host>(
    app: &App,
    context: &Context<H>,
    notes: &RequestNotes,
    caller: &Arc<VerifiedCaller>,
    need: &Need,
) -> Result<DownstreamToken, Error> {
    let outcome = app.api.token(context, caller, &app.settings.graph, need).await;
    notes.exchanged(outcome.as_ref().ok().map(|(_, origin)| *origin), || context.host.elapsed());
    Ok(outcome?.0)
}

enum Answer<B> {
    Found(Response<Body<B>>),
    Refused(GraphRefusal),
}

async fn ask_graph<H: Host>(
    app: &App,
    context: &Context<H>,
    notes: &RequestNotes,
    caller: &VerifiedCaller,
    resource: &Resource,
    token: &DownstreamToken,
) -> Result<Answer<H::Body>, Error> {
    let Context { host, correlation, deadline, .. } = context;
    let request = resource::request(resource, token, &app.settings.graph, correlation)
        .ok_or(Error::Internal("the request to Graph could not be made"))?;
    let outcome = call::call(host, *deadline, resource.step(), request).await;
    let UpstreamResponse { head, reading, rest } = outcome.map_err(Error::Upstream)?;
    notes.graph_answered(host.elapsed());

    if resource::is_requested(&head, &reading, resource) {
        if resource::is_held(&head, resource) {
            return Ok(Answer::Found(response::not_modified(&head.headers)));
        }
        let permit = || app.streams.permit(caller.person());
        let response = response::of_graph(&head.headers, reading, rest, permit);
        return response.map(Answer::Found).map_err(Error::TooManyStreams);
    }
    let (Reading::Whole(bytes) | Reading::Begun(bytes)) = reading;
    Ok(Answer::Refused(GraphRefusal::parse(resource, head.status, &head.headers, &bytes, host.now())))
}
