//! The emulated tenant as a program. `emulated-tenant --help` lists its options.

use std::{
    fmt,
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Parser;
use emulated_tenant::{AdminServer, Setup, Tenant, TenantOptions, Wire};
use tokio::signal::unix::{SignalKind, signal};

/// Ports that are usually free.
const ENTRA_PORT: u16 = 7701;
const GRAPH_PORT: u16 = 7702;
const VAULT_PORT: u16 = 7703;
const PLATFORM_PORT: u16 = 7704;
const ADMIN_PORT: u16 = 7705;

const EXAMPLE: &str = include_str!("../example.toml");

/// Stands in for one Microsoft Entra tenant, Microsoft Graph and one Azure Key Vault on loopback.
///
/// For development and tests only.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// People, applications and ports, in TOML; `--example` prints such a file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Speak TLS with HTTP/2 or HTTP/1.1. The certificates are from an authority that is new in each run.
    #[arg(long)]
    https: bool,
    /// Write the certificate of that authority to a file, for clients to trust.
    #[arg(long, value_name = "FILE", requires = "https")]
    authority: Option<PathBuf>,
    /// Write a program that answers as the Azure CLI does after the administrator's `az login`, such as target/az: with it
    /// in front of PATH, `cargo dev register` registers applications here.
    #[arg(long, value_name = "FILE")]
    az: Option<PathBuf>,
    /// The port of the Entra login host; 0 takes a free one [default: 7701]
    #[arg(long, value_name = "PORT")]
    entra_port: Option<u16>,
    /// The port of Microsoft Graph [default: 7702]
    #[arg(long, value_name = "PORT")]
    graph_port: Option<u16>,
    /// The port of the key vault [default: 7703]
    #[arg(long, value_name = "PORT")]
    vault_port: Option<u16>,
    /// The port of managed identities and of the cluster's token issuer [default: 7704]
    #[arg(long, value_name = "PORT")]
    platform_port: Option<u16>,
    /// The port of the administration: faults, changes, the page of requests [default: 7705]
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    /// Vary the form of responses, by this number, as far as the documentation allows.
    #[arg(long, value_name = "SEED")]
    variety: Option<u64>,
    /// Print all addresses, ids and secrets as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Print an example of a configuration file.
    #[arg(long, exclusive = true)]
    example: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let mut output = io::stdout();
    if arguments.example {
        return Ok(output.write_all(EXAMPLE.as_bytes())?);
    }
    let setup = match &arguments.config {
        None => Setup::default(),
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Setup::from_toml(&text).with_context(|| path.display().to_string())?
        }
    };
    let ports = setup.ports;
    let options = TenantOptions {
        wire: if arguments.https { Wire::Https } else { Wire::Http },
        variety: arguments.variety,
        entra_port: arguments.entra_port.or(ports.entra).unwrap_or(ENTRA_PORT),
        graph_port: arguments.graph_port.or(ports.graph).unwrap_or(GRAPH_PORT),
        vault_port: arguments.vault_port.or(ports.vault).unwrap_or(VAULT_PORT),
        platform_port: arguments.platform_port.or(ports.platform).unwrap_or(PLATFORM_PORT),
    };
    let tenant = Tenant::start_with(options, setup).await?;
    let server = AdminServer::start(tenant, arguments.admin_port.or(ports.admin).unwrap_or(ADMIN_PORT)).await?;
    if let (Some(path), Some(pem)) = (&arguments.authority, server.tenant().authority_pem()) {
        fs::write(path, pem).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &arguments.az {
        let tenant = server.tenant();
        let program = tenant.azure_cli_program(tenant.administrator());
        let write = || fs::write(path, program).and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700)));
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    match arguments.json {
        true => writeln!(output, "{}", server.environment())?,
        false => write!(output, "{}", Introduction(&server))?,
    }
    output.flush()?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// The text that shows that everything runs.
struct Introduction<'a>(&'a AdminServer);

impl fmt::Display for Introduction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenant = self.0.tenant();
        writeln!(f, "The emulated tenant runs until Ctrl-C.\n")?;
        writeln!(f, "  directory  {}", tenant.tenant_id())?;
        writeln!(f, "  Entra      {}", tenant.authority_url())?;
        writeln!(f, "  Graph      {}", tenant.graph_url())?;
        writeln!(f, "  Key Vault  {}", tenant.vault_url())?;
        writeln!(f, "  platform   {}", tenant.platform_url())?;
        writeln!(f, "  requests   {} (a page)", self.0.url())?;
        writeln!(f, "  all ids    {}/environment (JSON, with secrets)\n", self.0.url())?;
        writeln!(f, "Its people:")?;
        let widest = tenant.people().iter().map(|person| person.name.len()).max().unwrap_or_default();
        for person in tenant.people() {
            writeln!(f, "  {:widest$}  {}", person.name, person.about)?;
        }
        Ok(())
    }
}
