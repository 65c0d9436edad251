//! An API that the component `entra` guards: no request gets here before its caller is known.

use spin_sdk::{
    http::{EmptyBody, Request, Response, StatusCode, body::IncomingBodyExt, send},
    http_service,
};

const SIDECAR: &str = "http://entra.spin.internal";

#[http_service]
async fn handle(request: Request) -> anyhow::Result<http::Response<String>> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match request.uri().path() {
        "/" => Ok(http::Response::new(format!("Hello, {}!\n", header("x-ms-client-principal-name")))),
        "/profile" => {
            relay(ask("/DownstreamApi/graph?optionsOverride.RelativePath=me", header("authorization")).await?).await
        }
        "/mail" => {
            relay(ask("/DownstreamApi/mail?optionsOverride.RelativePath=me/messages", header("authorization")).await?)
                .await
        }
        _ => Ok(http::Response::builder().status(StatusCode::NOT_FOUND).body("There is nothing here.\n".to_owned())?),
    }
}

/// Asks the sidecar in the name of whoever asks us.
async fn ask(path: &str, authorization: &str) -> anyhow::Result<Response> {
    let request =
        http::Request::get(format!("{SIDECAR}{path}")).header("authorization", authorization).body(EmptyBody::new())?;
    Ok(send(request).await?)
}

/// What the API said, or why the sidecar could not ask it.
async fn relay(response: Response) -> anyhow::Result<http::Response<String>> {
    let (head, body) = response.into_parts();
    let text = String::from_utf8(body.bytes().await?.to_vec())?;
    if head.status != StatusCode::OK {
        // A refusal says all that our own caller needs: status, code, WWW-Authenticate, Retry-After.
        return Ok(http::Response::from_parts(head, text));
    }
    let result: serde_json::Value = serde_json::from_str(&text)?;
    let status = result["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(502);
    let content = result["content"].as_str().unwrap_or_default().to_owned();
    Ok(http::Response::builder().status(status).header("content-type", "application/json").body(content)?)
}
