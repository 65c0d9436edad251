{% raw %}//! An API that the component `entra` guards: no request gets here before its caller is known.

use spin_sdk::{
    http::{EmptyBody, Request, Response, StatusCode, body::IncomingBodyExt, send},
    http_service,
};

const SIDECAR: &str = "http://entra.spin.internal";

#[http_service]
async fn handle(request: Request) -> anyhow::Result<(StatusCode, String)> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match request.uri().path() {
        "/" => Ok((StatusCode::OK, format!("Hello, {}!\n", header("x-ms-client-principal-name")))),
        "/profile" => {
            relay(ask("/DownstreamApi/graph?optionsOverride.RelativePath=me", header("authorization")).await?).await
        }
        "/mail" => {
            relay(ask("/DownstreamApi/mail?optionsOverride.RelativePath=me/messages", header("authorization")).await?)
                .await
        }
        _ => Ok((StatusCode::NOT_FOUND, "There is nothing here.\n".to_owned())),
    }
}

/// Asks the sidecar in the name of whoever asks us.
async fn ask(path: &str, authorization: &str) -> anyhow::Result<Response> {
    let request =
        http::Request::get(format!("{SIDECAR}{path}")).header("authorization", authorization).body(EmptyBody::new())?;
    Ok(send(request).await?)
}

/// What the API said, or why the sidecar could not ask it.
async fn relay(response: Response) -> anyhow::Result<(StatusCode, String)> {
    let status = response.status();
    let text = String::from_utf8(response.into_body().bytes().await?.to_vec())?;
    if status != StatusCode::OK {
        return Ok((status, text));
    }
    let result: serde_json::Value = serde_json::from_str(&text)?;
    let status = result["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(502);
    Ok((StatusCode::from_u16(status)?, result["content"].as_str().unwrap_or_default().to_owned()))
}
{% endraw %}