//! `cargo dev up`

use std::{
    fmt,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{self, ExitCode},
};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use console::style;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    application::{Application, ApplicationOptions, Runner},
    host::LogSink,
    progress::Progress,
    running::{Announcement, Running},
    workspace,
};

const DEFAULT_PORT: u16 = 3000;
/// Who calls in the examples that are printed.
const ORDINARY_MEMBER: &str = "ada";
/// What a shell reports for a program that Ctrl-C ended before it did its work.
const INTERRUPTED: u8 = 130;

/// Serve the API on this machine, with an emulated Entra tenant, Graph and Key Vault.
///
/// Needs no Azure account. Builds the component, starts everything, prints a `curl` line with a fresh token, and
/// serves until Ctrl-C. For development only.
#[derive(Args, Debug)]
pub struct Up {
    /// The API's port; without it, 3000 or a free one where that is taken.
    #[arg(long)]
    port: Option<u16>,
    /// Run the real `spin` (4.1 or newer; the one on PATH, or the program that SPIN names) instead of the embedded
    /// host.
    #[arg(long)]
    spin: bool,
}

impl Up {
    /// Serves until it is told to stop.
    ///
    /// # Errors
    /// When the port is taken, the component does not build, or the application does not start or stay up.
    pub async fn run(self, progress: Progress) -> Result<ExitCode> {
        let mut stop = StopSignals::catch()?;
        let options = ApplicationOptions {
            runner: if self.spin { Runner::RealSpin } else { Runner::Embedded },
            listen: listen_address(self.port, progress)?,
            log: LogSink::Stderr,
            directory: Some(workspace::run_directory()),
            progress,
            ..ApplicationOptions::default()
        };
        let mut application = tokio::select! {
            started = Application::start(options) => started?,
            () = stop.received() => return Ok(ExitCode::from(INTERRUPTED)),
        };
        let announcement = Announcement::publish(Running {
            process: process::id(),
            api_url: application.url().to_owned(),
            authority_url: application.tenant.authority_url().to_owned(),
            tenant_id: application.tenant.tenant_id().to_owned(),
        })
        .await?;
        println!("{}", Introduction(&application));
        tokio::select! {
            error = application.ended() => return Err(error),
            () = stop.received() => {}
        }
        drop(announcement);
        application.stop().await;
        eprintln!("Stopped.");
        Ok(ExitCode::SUCCESS)
    }
}

/// The ways in which a program is asked to end: Ctrl-C, `kill`, a terminal that is closed.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    fn catch() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Checks the port before the long build, not after it.
fn listen_address(port: Option<u16>, progress: Progress) -> Result<SocketAddr> {
    let address = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let Some(port) = port else {
        if TcpListener::bind(address(DEFAULT_PORT)).is_ok() {
            return Ok(address(DEFAULT_PORT));
        }
        progress.note(&format!("port {DEFAULT_PORT} is taken; the API will be on a free one"));
        return Ok(address(0));
    };
    match TcpListener::bind(address(port)) {
        Ok(_) => Ok(address(port)),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Err(anyhow!("port {port} is taken: stop the program that listens there, or choose another --port"))
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on port {port}: choose another --port")),
    }
}

/// What a newcomer sees when everything runs.
struct Introduction<'a>(&'a Application);

impl fmt::Display for Introduction<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(application) = self;
        let tenant = &application.tenant;
        let url = format!("{}/api/profile-get", application.url());
        writeln!(formatter, "\n{}  {}\n", style("The API").bold(), style(&url).cyan())?;
        writeln!(formatter, "{} (new keys, ids and secrets in each run)", style("The emulated tenant").bold())?;
        writeln!(formatter, "  directory  {}", tenant.tenant_id())?;
        writeln!(formatter, "  Entra      {}", tenant.authority_url())?;
        writeln!(formatter, "  Graph      {}", tenant.graph_url())?;
        writeln!(formatter, "  Key Vault  {}\n", tenant.vault_url())?;
        writeln!(formatter, "{}, and what each demonstrates", style("Its people").bold())?;
        let widest = tenant.people().iter().map(|person| person.name.len()).max().unwrap_or_default();
        for person in tenant.people() {
            writeln!(formatter, "  {:widest$}  {}", style(&person.name).green(), person.about)?;
        }
        let commands = format!("cargo dev call --as {ORDINARY_MEMBER}, cargo dev token --as {ORDINARY_MEMBER}");
        writeln!(formatter, "\nIn another terminal: {}, or\n", style(commands).bold())?;
        // Nobody can be missing whom the tenant itself lists; without a token there is no line to paste.
        if let Ok(person) = tenant.person(ORDINARY_MEMBER) {
            let token = tenant.access_token(person, |_| ());
            writeln!(formatter, "curl -i -H \"Authorization: Bearer {token}\" {url}\n")?;
        }
        write!(formatter, "Ctrl-C stops everything. Requests are logged below.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_refused_with_what_to_do() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen_address(Some(port), Progress::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("port {port} is taken: stop the program that listens there, or choose another --port")
        );
        drop(taken);
        assert_eq!(listen_address(Some(port), Progress::default()).unwrap().port(), port);
    }

    #[test]
    fn without_a_wish_there_is_always_a_port() {
        let port = listen_address(None, Progress::default()).unwrap().port();
        assert!(port == DEFAULT_PORT || port == 0);
    }
}
