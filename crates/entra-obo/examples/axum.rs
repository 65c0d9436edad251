//! The profile API as a native server: `GET /api/profile-get` with a person's access token for this API.
//!
//! ```sh
//! TENANT_ID=... CLIENT_ID=... CLIENT_SECRET=... cargo run -p entra-obo --example axum --features rustls
//! ```

use std::{env, error::Error, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::State, routing::get};
use bytes::Bytes;
use entra_obo::{
    Context, Downstream, GLOBAL_AUTHORITY, Need, Policy, Problem, ProtectedApi, ProtectedResource, Refusal, Tenancy,
    host::NativeHost,
    toolkit::{ProblemType, Step, call},
};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};

const PATH: &str = "/api/profile-get";
const ME: Step = Step { service: "Graph", name: "me", timeout: Duration::from_secs(10), max_body: 1024 * 1024 };
const GRAPH_FAILED: ProblemType =
    ProblemType::new(StatusCode::BAD_GATEWAY, "graph_failed", "Microsoft Graph has no profile to return.", "Try again");

struct App {
    host: NativeHost,
    api: ProtectedApi,
    graph: Downstream,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let set = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let id = |name: &str| set(name, "").parse().map_err(|_| format!("{name} must be a GUID"));
    let (tenant, client) = (id("TENANT_ID")?, id("CLIENT_ID")?);
    let mut policy = Policy::new(Tenancy::Single(tenant), client, vec!["user_impersonation".to_owned()]);
    policy.authority_host = set("AUTHORITY_HOST", GLOBAL_AUTHORITY);
    let graph_url = set("GRAPH_URL", "https://graph.microsoft.com");
    let app = App {
        host: NativeHost::new(reqwest::Client::builder(), |name| env::var(name.to_uppercase()).ok())?,
        api: ProtectedApi::new(policy),
        graph: Downstream::new(&graph_url, "https://graph.microsoft.com/User.Read"),
    };
    let router = Router::new()
        .route(PATH, get(answer))
        .route("/.well-known/oauth-protected-resource/api/profile-get", get(metadata))
        .with_state(Arc::new(app));
    let address = set("ADDRESS", "127.0.0.1:3000");
    let listener =
        tokio::net::TcpListener::bind(&address).await.map_err(|error| format!("ADDRESS {address}: {error}"))?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn answer(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    let context = Context::new(app.host.clone(), &headers, Duration::from_secs(20));
    let id = context.correlation.request_id;
    let mut response = profile(&app, &context, &headers).await.unwrap_or_else(|refusal| {
        eprintln!("{id}: {refusal}");
        refusal.problem().with_resource_metadata(resource(&headers).as_ref()).into_response(id)
    });
    context.correlation.add_to_response(response.headers_mut());
    response.map(Body::from)
}

async fn profile(app: &App, context: &Context<NativeHost>, headers: &HeaderMap) -> Result<Response<Bytes>, Refusal> {
    let caller = app.api.validate(context, app.api.bearer(headers)?).await?;
    let (token, _) = app.api.token(context, &caller, &app.graph, &Need::Any).await?;
    let request = Request::get(format!("{}/v1.0/me", app.graph.base_url()));
    let request = request.header(header::AUTHORIZATION, token.authorization()).body(Bytes::new());
    let graph = async { call::fetch(&context.host, context.deadline, ME, request.ok()?).await.ok() };
    Ok(match graph.await {
        Some(graph) if graph.status() == StatusCode::OK => {
            let mut response = Response::new(graph.into_body());
            response.headers_mut().extend([
                (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            ]);
            response
        }
        _ => Problem::new(&GRAPH_FAILED).into_response(context.correlation.request_id),
    })
}

/// Tells clients that know only this address where to get a token (RFC 9728).
async fn metadata(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response<Body>, StatusCode> {
    let resource = resource(&headers).ok_or(StatusCode::NOT_FOUND)?;
    Ok(resource.metadata(app.api.policy()).map(Body::from))
}

fn resource(headers: &HeaderMap) -> Option<ProtectedResource> {
    ProtectedResource::new(headers.get(header::HOST)?.to_str().ok()?, PATH)
}
