//! The sign-in app on this machine, a Spin application of its own.

use std::{
    collections::BTreeMap,
    iter,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
};

use anyhow::{Context, Result};
use cargo_dev::{component::Component, progress::Progress, runner::Runner, workspace};
use uuid::Uuid;

use super::{
    api::Api,
    directory::RunDirectory,
    log::LogSink,
    options::{HostOptions, InstanceReuse},
    runner::AvailableRunner,
    server::Server,
};

/// The app's redirect URIs, relative to its URL.
const REDIRECTS: [&str; 2] = ["signin-callback", "signed-out"];

/// How to run it. The defaults are for tests.
#[derive(Clone, Debug)]
pub struct SignInAppOptions {
    /// What runs the component.
    pub runner: Runner,
    /// Its port. 0 means any free port.
    pub port: u16,
    /// The host name that browsers use for it.
    pub host_name: &'static str,
    /// Whether its redirect URIs are registered with the emulated tenant, as Entra requires.
    pub registered: bool,
    /// The API that it calls. Default: the running one.
    pub api_url: Option<String>,
    /// How component instances are reused.
    pub reuse: InstanceReuse,
    /// Where the component's log lines go.
    pub log: LogSink,
    /// Where the host keeps its state. Default: a temporary folder.
    pub directory: Option<PathBuf>,
    /// How progress is shown.
    pub progress: Progress,
}

impl Default for SignInAppOptions {
    fn default() -> Self {
        Self {
            runner: Runner::default(),
            port: 0,
            host_name: "localhost",
            registered: true,
            api_url: None,
            reuse: InstanceReuse::default(),
            log: LogSink::Collect,
            directory: None,
            progress: Progress::default(),
        }
    }
}

/// A running app. Dropping it ends it.
#[derive(Debug)]
pub struct SignInApp {
    url: String,
    /// What serves it.
    pub server: Server,
    _directory: RunDirectory,
}

impl SignInApp {
    /// Builds the app unless this process has done so, registers it with the API's tenant and serves it.
    ///
    /// # Errors
    /// If it does not build, the port is taken, or it does not start.
    pub async fn start(api: &Api, options: SignInAppOptions) -> Result<Self> {
        let host = AvailableRunner::find(options.runner, options.progress).await?;
        Component::SignInApp.build(options.progress).await?;
        let step = options.progress.step("Starting the sign-in app");
        let port = if options.port == 0 { free_port()? } else { options.port };
        let url = format!("http://{}:{port}", options.host_name);
        let tenant = &api.tenant;
        let registration = tenant.web_client();
        if options.registered {
            for path in REDIRECTS {
                tenant.register_redirect_uri(&registration.client_id, &format!("{url}/{path}"))?;
            }
        }
        let directory = RunDirectory::prepare(options.directory).await?;
        let variables = [
            ("tenant_id", tenant.tenant_id()),
            ("app_client_id", &registration.client_id),
            ("api_client_id", tenant.client_id()),
            ("api_url", options.api_url.as_deref().unwrap_or_else(|| api.server.url())),
            ("app_url", &url),
            ("authority_host", tenant.authority_url()),
        ];
        let server = host
            .serve(HostOptions {
                listen: (Ipv4Addr::LOCALHOST, port).into(),
                // Not among the variables, which the host gets on its command line, where every user can see them.
                environment: BTreeMap::from([
                    ("SPIN_VARIABLE_APPCLIENTSECRET".to_owned(), registration.client_secret.clone()),
                    ("SPIN_VARIABLE_SESSIONSECRET".to_owned(), session_secret()),
                ]),
                variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
                log: options.log,
                reuse: options.reuse,
                ..HostOptions::new(workspace::root().join("app/spin.toml"), directory.path().join(host.state_folder()))
            })
            .await?;
        step.done("Started the sign-in app");
        Ok(Self { url, server, _directory: directory })
    }

    /// Its URL for browsers, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// The app's settings contain its own address, so its port is chosen before it listens.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port of this machine is free")?;
    Ok(listener.local_addr()?.port())
}

/// New in each run, since sessions of an earlier run belong to another tenant.
fn session_secret() -> String {
    iter::repeat_with(|| Uuid::new_v4().simple().to_string()).take(2).collect()
}
