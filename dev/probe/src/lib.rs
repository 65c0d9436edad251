//! An app for tests, behind a guard: it says what reaches it, and tries what it must not do.
//!
//! `/echo` sends a body back as it arrives, with its trailers; `/secret` tries to read what the guard knows; `/trap` traps;
//! `/call/<host>/<path>` passes the request on and the response back, `/own/<host>/<path>` sends a request of the app's own;
//! everything else describes the request in JSON.

#![cfg(target_family = "wasm")]

use std::{env, fs};

use serde_json::{Map, json};
use spin_sdk::{
    key_value::Store,
    variables,
    wasip3::{
        exports::http::handler::Guest,
        http::{
            client,
            types::{ErrorCode, Fields, Request, Response, Scheme},
        },
        wit_future, wit_stream,
    },
    wit_bindgen,
};

spin_sdk::wasip3::http::service::export!(Component);

struct Component;

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        if let Some((host, path)) = path.split_once("/call/").and_then(|(_, rest)| rest.split_once('/')) {
            let headers = request.get_headers().clone();
            return Ok(call(request, headers, host, path).await);
        }
        if let Some((host, path)) = path.split_once("/own/").and_then(|(_, rest)| rest.split_once('/')) {
            return Ok(call(request, Fields::new(), host, path).await);
        }
        match path.as_str() {
            "/echo" => Ok(echo(request)),
            "/trap" => std::process::abort(),
            "/secret" => {
                let mut found = Map::new();
                for name in ["client_secret", "clientsecret", "tenant_id"] {
                    found.insert(name.to_owned(), variables::get(name).await.ok().into());
                }
                found.insert("environment".to_owned(), env::vars().map(|(name, _)| name).collect());
                found.insert("files".to_owned(), fs::read_dir("/").is_ok().into());
                found.insert("store".to_owned(), Store::open_default().await.is_ok().into());
                Ok(text(json!(found).to_string()))
            }
            _ => {
                let headers = request.get_headers().copy_all().into_iter();
                let headers: Vec<_> =
                    headers.map(|(name, value)| json!([name, String::from_utf8_lossy(&value)])).collect();
                let method = format!("{:?}", request.get_method());
                let authority = request.get_authority();
                let bytes = bytes_of(request).await;
                let seen = json!({"method": method, "authority": authority, "target": path, "headers": headers, "bytes": bytes});
                Ok(text(seen.to_string()))
            }
        }
    }
}

/// How long a body is. Many frameworks read it to its end before they do anything.
async fn bytes_of(request: Request) -> usize {
    let (_taken, taken) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, taken);
    let bytes = contents.collect().await.len();
    let _ = trailers.await;
    bytes
}

fn echo(request: Request) -> Response {
    let (_taken, taken) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, taken);
    Response::new(Fields::new(), Some(contents), trailers).0
}

async fn call(request: Request, headers: Fields, host: &str, path: &str) -> Response {
    let method = request.get_method();
    let (_taken, taken) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, taken);
    let (call, _sent) = Request::new(headers, Some(contents), trailers, None);
    let set = [
        call.set_method(&method),
        call.set_scheme(Some(&Scheme::Http)),
        call.set_authority(Some(host)),
        call.set_path_with_query(Some(&format!("/{path}"))),
    ];
    if set.contains(&Err(())) {
        return text("no such request".to_owned());
    }
    client::send(call).await.unwrap_or_else(|error| {
        let response = text(format!("{error:?}"));
        let _ = response.set_status_code(502);
        response
    })
}

fn text(text: String) -> Response {
    let (mut contents, reader) = wit_stream::new();
    let (_end, end) = wit_future::new(|| Ok(None));
    let length = [("content-length".to_owned(), text.len().to_string().into_bytes())];
    let headers = Fields::from_list(&length).unwrap_or_else(|_| Fields::new());
    wit_bindgen::spawn(async move {
        contents.write_all(text.into_bytes()).await;
    });
    Response::new(headers, Some(reader), end).0
}
