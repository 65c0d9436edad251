//! What is checked: the API, and the component `entra` as a gateway and as a sidecar, each configured in the same way and
//! asked for the caller's profile.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use bytes::Bytes;
use cargo_dev::{commands::deep::Subject, component::Component, workspace};
use emulated_tenant::Tenant;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header::AUTHORIZATION};
use http_body_util::Full;
use tokio::fs;
use toml::{Table, Value};

use super::{
    app::App,
    evidence::{Evidence, traps},
};
use crate::run::{Api, ApiOptions, manifest};

/// What the value of a header that only the gateway may set says.
pub(super) const SPOOFED: &str = "spoofed";

/// Headers that must not reach the app as a caller sends them.
const SPOOFED_HEADERS: [HeaderName; 9] = [
    HeaderName::from_static("x-ms-client-principal"),
    HeaderName::from_static("x-ms-client-principal-id"),
    HeaderName::from_static("x-ms-token-aad-access-token"),
    HeaderName::from_static("x_ms_client_principal_id"),
    HeaderName::from_static("spin-client-addr"),
    HeaderName::from_static("spin-full-url"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("proxy-authorization"),
];

/// Where the profile is.
pub(super) const fn path(subject: Subject) -> &'static str {
    match subject {
        Subject::Api => "/api/profile-get",
        Subject::Gateway => "/me",
        // The probe passes requests on to the host that its path names.
        Subject::Sidecar => "/call/entra.spin.internal/DownstreamApi/graph?optionsOverride.RelativePath=me",
    }
}

/// A request for the profile without a token. The gateway's have a body, none of which may reach the app.
pub(super) fn request_without_token(subject: Subject) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::default());
    *request.uri_mut() = Uri::from_static(path(subject));
    if subject == Subject::Gateway {
        *request.method_mut() = Method::POST;
        *request.body_mut() = Full::from("the body of a request without a token");
    }
    request
}

/// A request for the profile with this `Authorization`. The gateway's have their token as the body, and spoofed headers.
pub(super) fn request(subject: Subject, authorization: &HeaderValue) -> Request<Full<Bytes>> {
    let mut request = request_without_token(subject);
    request.headers_mut().insert(AUTHORIZATION, authorization.clone());
    if subject == Subject::Gateway {
        let token = authorization.as_bytes().splitn(2, |byte| *byte == b' ').nth(1).unwrap_or_default();
        *request.body_mut() = Full::from(token.to_vec());
        for name in SPOOFED_HEADERS {
            request.headers_mut().insert(name, HeaderValue::from_static(SPOOFED));
        }
    }
    request
}

/// A subject that runs. Dropping it ends it.
pub(super) struct Running {
    pub(super) api: Api,
    /// The app behind the gateway.
    pub(super) app: Option<App>,
    options: ApiOptions,
}

impl Running {
    /// Builds the subject unless this process has done so, and starts it.
    ///
    /// # Errors
    /// If it does not build or start.
    pub(super) async fn start(subject: Subject, tenant: Arc<Tenant>, mut options: ApiOptions) -> Result<Self> {
        let mut app = None;
        if subject != Subject::Api {
            Component::Entra.build(options.progress).await?;
            let values = std::mem::take(&mut options.component_variables);
            options.manifest = Some(if subject == Subject::Gateway {
                let app = app.insert(App::start().await?);
                gateway(values, &app.url()).await?
            } else {
                let probe = Component::Probe.build(options.progress).await?;
                sidecar(values, probe.to_str().context("the project is in a folder whose name is not UTF-8")?).await?
            });
        }
        let api = Api::start_for(tenant, options.clone()).await?;
        Ok(Self { api, app, options })
    }

    /// Ends it, and says what was wrong while it ran.
    pub(super) async fn end(self) -> Ended {
        self.api.stop().await;
        let log = Evidence::log_of(&self.options);
        let mut wrong = traps(&log);
        wrong.extend(self.app.iter().flat_map(App::wrong));
        Ended { log, wrong }
    }
}

/// What a subject leaves.
pub(super) struct Ended {
    pub(super) log: Vec<String>,
    pub(super) wrong: Vec<String>,
}

/// The component in front of an app elsewhere.
async fn gateway(mut values: BTreeMap<String, String>, app: &str) -> Result<String> {
    values.extend([("upstream", app), ("access_token_for", "graph")].map(|(name, value)| (name.into(), value.into())));
    let mut manifest = entra_manifest(&values).await?;
    manifest.extend(toml::toml! {
        trigger.http = [{ route = "/...", component = "entra" }]
    });
    hosts(&mut manifest)?.push(app.into());
    toml::to_string(&manifest).context("the manifest of the gateway")
}

/// The component behind the probe, which passes requests on to it.
async fn sidecar(mut values: BTreeMap<String, String>, probe: &str) -> Result<String> {
    values.insert("upstream".to_owned(), String::new());
    let mut manifest = entra_manifest(&values).await?;
    manifest.extend(toml::toml! {
        trigger.http = [{ route = "/...", component = "probe" }, { route = { private = true }, component = "entra" }]
    });
    let hosts = vec!["http://entra.spin.internal"].into();
    let component =
        Table::from_iter([("source".to_owned(), probe.into()), ("allowed_outbound_hosts".to_owned(), hosts)]);
    components(&mut manifest)?.insert("probe".to_owned(), component.into());
    toml::to_string(&manifest).context("the manifest of the sidecar")
}

/// The manifest of the component with these settings, without its app.
async fn entra_manifest(values: &BTreeMap<String, String>) -> Result<Table> {
    let folder = workspace::root().join("components/entra");
    let text = fs::read_to_string(folder.join("spin.toml")).await.context("the manifest of entra")?;
    let mut manifest: Table = manifest::derive(&text, &folder, "entra", values, &[])?.parse()?;
    components(&mut manifest)?.remove("my-api").context("the manifest of entra has no my-api")?;
    hosts(&mut manifest)?.retain(|host| host.as_str() != Some("http://my-api.spin.internal"));
    Ok(manifest)
}

fn hosts(manifest: &mut Table) -> Result<&mut Vec<Value>> {
    let entra = components(manifest)?.get_mut("entra").and_then(|entra| entra.get_mut("allowed_outbound_hosts"));
    entra.and_then(Value::as_array_mut).context("entra has no allowed_outbound_hosts")
}

fn components(manifest: &mut Table) -> Result<&mut Table> {
    manifest.get_mut("component").and_then(Value::as_table_mut).context("a manifest without components")
}
