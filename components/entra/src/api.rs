//! From a request to its response: whether it comes from outside or from the app, ids, and the one line in the log.

use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use entra_obo::{
    Context,
    host::Forward,
    settings::source::READ_TIMEOUT,
    toolkit::{Body, RequestHead},
};

use crate::{
    error::Error,
    gateway,
    instance::Instance,
    log_line::{RequestNotes, Served},
    problem::problem,
    sidecar,
    streamed::Streamed,
};

/// The address from which a request comes. Spin adds it after whatever the sender wrote.
const CLIENT_ADDRESS: HeaderName = HeaderName::from_static("spin-client-addr");

/// What Spin adds to the requests of an application's own components. No connection comes from this address.
const WITHIN_APPLICATION: &[u8] = b"0.0.0.0:0";

/// Answers a request. There is no request without a response, and none that is not logged.
///
/// The app's own requests, and no others, reach the sidecar; everything else is for the gateway.
pub async fn answer<H: Forward>(
    instance: &Instance,
    host: &H,
    request: RequestHead,
    body: H::Body,
) -> Response<Body<Streamed<H::Body>>> {
    let context = Context::new(host.clone(), &request.headers, READ_TIMEOUT);
    let configured = instance.configured(host, context.elapsed).await;
    let notes = RequestNotes::default();
    let is_within = is_within_application(&request.headers);
    let (context, outcome, route) = match &configured {
        Ok(configured) => {
            let mut context = context.with_limit(configured.settings.request_timeout);
            if is_within {
                let (outcome, route) = sidecar::serve(configured, &mut context, &notes, &request, body).await;
                (context, outcome, route)
            } else {
                let outcome = gateway::serve(configured, &context, &notes, &request, body).await;
                (context, outcome, gateway::WORD)
            }
        }
        Err(fault) => (context, Err(Error::from(fault.clone())), "other"),
    };

    let settings = configured.as_ref().ok().map(|configured| &*configured.settings);
    let (mut response, code, error) = match outcome {
        Ok(response) => (response, "ok", None),
        Err(error) => {
            // The app passes the sidecar's response on, so a path of this component would mislead its callers.
            let path = if is_within { "" } else { request.target.as_str() };
            let resource = settings
                .filter(|settings| !is_within || settings.public_url.is_some())
                .and_then(|settings| gateway::resource(settings, &request, path));
            let problem = problem(&error, settings.map(|settings| &settings.policy));
            let problem = problem.with_resource_metadata(resource.as_ref());
            let code = problem.code();
            let mut response = problem.into_response(context.correlation.request_id).map(Body::Whole);
            if let Error::MethodNotAllowed(allowed) = error {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
            }
            context.correlation.add_to_response(response.headers_mut());
            (response, code, Some(error))
        }
    };
    if let Some(settings) = settings.filter(|_| !is_within) {
        gateway::cors(settings).add_to_response(response.headers_mut(), &request.headers);
    }
    let total = host.elapsed().saturating_sub(context.elapsed);
    let served = Served { route, status: response.status(), outcome: code };
    notes.log(host, &context.correlation, served, error.as_ref(), total);
    response
}

fn is_within_application(headers: &HeaderMap) -> bool {
    headers.get_all(CLIENT_ADDRESS).iter().next_back().is_some_and(|value| value.as_bytes() == WITHIN_APPLICATION)
}
