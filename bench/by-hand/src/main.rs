//! The profile API as a careful engineer would write it by hand, natively: one HTTP client for the life of the process,
//! the key set and exchanged tokens kept in memory, one exchange for requests that need the same token. It is compared
//! with the example of `entra-obo`.
//!
//! Prints `listening on <url>` when it listens.

#![expect(clippy::disallowed_methods, reason = "this program is not the core, and reads its own clock")]

mod failure;

mod keys;
mod tokens;

use std::{env, error::Error, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Response, header},
    routing::get,
};

use crate::{failure::Failure, keys::Keys, tokens::Tokens};

const PATH: &str = "/api/profile-get";

/// The longest that a call to Entra or Graph may take.
const CALL_LIMIT: Duration = Duration::from_secs(10);

struct App {
    client: reqwest::Client,
    keys: Keys,
    tokens: Tokens,
    me: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (tenant, client_id) = (env::var("TENANT_ID")?, env::var("CLIENT_ID")?);
    let authority = format!("{}/{tenant}", env::var("AUTHORITY_HOST")?);
    let client = reqwest::Client::builder().timeout(CALL_LIMIT).redirect(reqwest::redirect::Policy::none()).build()?;
    let app = App {
        keys: Keys::new(client.clone(), &authority, &tenant, &client_id),
        tokens: Tokens::new(client.clone(), &authority, client_id, env::var("CLIENT_SECRET")?),
        me: format!("{}/v1.0/me", env::var("GRAPH_URL")?),
        client,
    };
    let router = Router::new().route(PATH, get(profile)).with_state(Arc::new(app));
    let listener = tokio::net::TcpListener::bind(env::var("ADDRESS")?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn profile(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response<Body>, Failure> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Failure::NoToken)?;
    app.keys.validate(token).await?;
    let authorization = app.tokens.on_behalf_of(token).await?;
    let response = app.client.get(&app.me).header(header::AUTHORIZATION, authorization).send().await?;
    let (status, content_type) = (response.status(), response.headers().get(header::CONTENT_TYPE).cloned());
    let mut own = Response::new(Body::from(response.bytes().await?));
    *own.status_mut() = status;
    own.headers_mut().extend(content_type.map(|value| (header::CONTENT_TYPE, value)));
    Ok(own)
}
