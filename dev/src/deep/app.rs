//! The app behind the gateway, which notes whatever must not reach an app.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::Result;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

use super::{breaking_proxy::BreakingProxy, request::SPOOFED};

/// An app on loopback, behind a proxy that can break its replies. Dropping it ends it.
pub(super) struct App {
    pub(super) proxy: BreakingProxy,
    seen: Arc<Seen>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: AtomicUsize,
    wrong: Mutex<BTreeSet<String>>,
}

impl App {
    /// # Errors
    /// If there is no free port.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let proxy = BreakingProxy::start(listener.local_addr()?)?;
        let seen = Arc::<Seen>::default();
        let serving = tokio::spawn(serve(listener, Arc::clone(&seen)));
        Ok(Self { proxy, seen, serving })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.proxy.address())
    }

    /// How many requests have reached it so far.
    pub(super) fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// What was wrong with requests so far, each fault once.
    pub(super) fn wrong(&self) -> Vec<String> {
        self.seen.wrong.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, seen: Arc<Seen>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            let answer = service_fn(|request| async { Ok::<_, Infallible>(seen.answer(request).await) });
            // Connections break when the proxy breaks them.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Seen {
    /// The id of the person whose request it is, as the API's profile has it.
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let person = match body.collect().await {
            Ok(body) => person(&head.headers, &body.to_bytes()),
            // The caller has gone: nobody reads the answer.
            Err(_) => Ok(String::new()),
        };
        let (status, document) = match person {
            Ok(person) => (StatusCode::OK, json!({"id": person})),
            Err(wrong) => {
                let document = json!({"code": wrong});
                self.wrong.lock().unwrap_or_else(PoisonError::into_inner).insert(wrong);
                (StatusCode::INTERNAL_SERVER_ERROR, document)
            }
        };
        let mut response = Response::new(Full::from(document.to_string()));
        *response.status_mut() = status;
        response
    }
}

/// Whose request it is, if headers, tokens and body agree. Callers send their token as the body too.
fn person(headers: &HeaderMap, body: &[u8]) -> Result<String, String> {
    if let Some((name, _)) = headers.iter().find(|(_, value)| value.as_bytes() == SPOOFED.as_bytes()) {
        return Err(format!("a spoofed {name} reached the app"));
    }
    let one = |name: &str| {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        match values.as_slice() {
            [value] => value.to_str().map_err(|_| format!("the app got a {name} that is no text")),
            values => Err(format!("the app got {name} {} times", values.len())),
        }
    };
    let person = one("x-ms-client-principal-id")?;
    let (_, bearer) = one(AUTHORIZATION.as_str())?.split_once(' ').unwrap_or_default();
    for (token, whose) in [(bearer, "the bearer token"), (one("x-ms-token-aad-access-token")?, "the access token")] {
        if object_id(token).as_deref() != Some(person) {
            return Err(format!("{whose} was not of the person whom the gateway named"));
        }
    }
    if body != bearer.as_bytes() {
        return Err("the body was another request's".to_owned());
    }
    Ok(person.to_owned())
}

/// Whose token it is. The gateway has verified it.
fn object_id(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    Some(serde_json::from_slice::<Value>(&claims).ok()?.get("oid")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(person: &str) -> String {
        format!("header.{}.signature", URL_SAFE_NO_PAD.encode(json!({"oid": person}).to_string()))
    }

    #[test]
    fn whatever_belongs_to_somebody_else_is_noticed() {
        let right = || {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("Bearer {}", token("ada")).parse().unwrap());
            headers.insert("x-ms-client-principal-id", "ada".parse().unwrap());
            headers.insert("x-ms-token-aad-access-token", token("ada").parse().unwrap());
            headers
        };
        assert_eq!(person(&right(), token("ada").as_bytes()), Ok("ada".to_owned()));
        for (name, value, wrong) in [
            ("x-ms-client-principal-id", "eve", "bearer token"),
            ("x-ms-token-aad-access-token", &token("eve"), "access token"),
            ("x-other", SPOOFED, "spoofed x-other"),
        ] {
            let mut headers = right();
            headers.insert(name, value.parse().unwrap());
            assert!(person(&headers, token("ada").as_bytes()).unwrap_err().contains(wrong), "{name}");
        }
        for name in ["authorization", "x-ms-client-principal-id", "x-ms-token-aad-access-token"] {
            let mut headers = right();
            headers.append(name, "again".parse().unwrap());
            assert!(person(&headers, token("ada").as_bytes()).unwrap_err().contains("2 times"), "{name}");
            headers.remove(name);
            assert!(person(&headers, token("ada").as_bytes()).unwrap_err().contains("0 times"), "{name}");
        }
        assert!(person(&right(), token("eve").as_bytes()).is_err());
    }
}
