//! The profile API as a native server: `GET /api/profile-get` with a user's access token for this API.
//!
//! ```sh
//! TENANT_ID=... CLIENT_ID=... CLIENT_SECRET=... cargo run --example axum --features rustls
//! ```

use std::{env, error::Error, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::State, routing::get};
use entra_obo::{Context, Downstream, Need, Policy, ProtectedApi, Refusal, Tenancy, host::NativeHost};
use http::{HeaderMap, Response, StatusCode, header};

struct App {
    host: NativeHost,
    api: ProtectedApi,
    graph: Downstream,
    client: reqwest::Client,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let set = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let tenancy = Tenancy::Single(env::var("TENANT_ID")?.parse()?);
    let mut policy = Policy::new(tenancy, env::var("CLIENT_ID")?.parse()?, vec!["user_impersonation".to_owned()]);
    policy.authority_host = set("AUTHORITY_HOST", &policy.authority_host);
    let app = App {
        host: NativeHost::new(reqwest::Client::builder(), |name| env::var(name.to_uppercase()).ok())?,
        api: ProtectedApi::new(policy),
        graph: Downstream::new(
            &set("GRAPH_URL", "https://graph.microsoft.com"),
            "https://graph.microsoft.com/User.Read",
        ),
        client: reqwest::Client::new(),
    };
    let router = Router::new().route("/api/profile-get", get(profile)).with_state(Arc::new(app));
    let listener = tokio::net::TcpListener::bind(set("ADDRESS", "127.0.0.1:3000")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn profile(State(app): State<Arc<App>>, headers: HeaderMap) -> Response<Body> {
    let context = Context::new(app.host.clone(), &headers, Duration::from_secs(20));
    let mut response = match call_graph(&app, &context, &headers).await {
        Ok(response) => response,
        Err(refusal) => {
            eprintln!("{}: {refusal}", context.correlation.request_id);
            refusal.into_response(context.correlation.request_id).map(Body::from)
        }
    };
    context.correlation.add_to_response(response.headers_mut());
    response
}

async fn call_graph(app: &App, context: &Context<NativeHost>, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    let caller = app.api.validate(context, app.api.bearer(headers)?).await?;
    let (token, _) = app.api.token(context, &caller, &app.graph, &Need::Any).await?;
    let request = app.client.get(format!("{}/v1.0/me", app.graph.base_url()));
    let mut response = Response::default();
    match request.header(header::AUTHORIZATION, token.authorization()).send().await {
        Ok(graph) => {
            *response.status_mut() = graph.status();
            response
                .headers_mut()
                .extend(graph.headers().get(header::CONTENT_TYPE).map(|kind| (header::CONTENT_TYPE, kind.clone())));
            *response.body_mut() = Body::from_stream(graph.bytes_stream());
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_GATEWAY,
    }
    Ok(response)
}
