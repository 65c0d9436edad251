//! What a host is asked to run, and how: the options of `spin up` that this project uses, of which some are required here, and
//! two of its own.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser};

/// The error about a key or a value that this host does not read.
pub(crate) const UNSUPPORTED: &str = "not supported by the embedded host: correct it, or run with --spin";

/// The command line: `embedded-host up --from-file spin.toml ...`.
#[derive(Parser)]
#[command(name = "embedded-host")]
pub enum CommandLine {
    /// Serve an application as `spin up` does, until it is interrupted.
    Up(Box<UpOptions>),
}

/// What to run and how. Cannot be printed, since values of variables can be secrets.
#[derive(Args)]
pub struct UpOptions {
    /// The application's `spin.toml`; component sources are relative to its folder.
    #[arg(long = "from-file")]
    pub manifest: PathBuf,
    /// The runtime config file, if there is one.
    #[arg(long = "runtime-config-file")]
    pub runtime_config: Option<PathBuf>,
    /// Whether components read the folders of `files` themselves, and not copies made at the start.
    #[arg(long)]
    pub direct_mounts: bool,
    /// Where to listen. Port 0 means any free port.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,
    /// Values that take precedence over all providers.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub variables: Vec<(String, String)>,
    /// How instances are reused.
    #[command(flatten)]
    pub reuse: InstanceReuse,
    /// The folder of the default key-value store.
    #[arg(long, default_value = ".spin")]
    pub state_dir: PathBuf,
    /// The folder of copies of `files`.
    #[arg(long)]
    pub temp: PathBuf,
    /// Not Spin's: the folder of compiled components. Hosts can share it, since the key is a hash of the component.
    #[arg(long)]
    pub compiled: PathBuf,
    /// Not Spin's: a Unix socket at which the host can be controlled (see `control`).
    #[arg(long)]
    pub control: Option<PathBuf>,
}

/// How many requests one component instance serves. The defaults are Spin's.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceReuse {
    /// The total number of requests, after which the instance is dropped.
    #[arg(long = "max-instance-reuse-count", default_value_t = 128)]
    pub max_requests: usize,
    /// The number of concurrent requests.
    #[arg(long = "max-instance-concurrent-reuse-count", default_value_t = 16)]
    pub max_concurrent: usize,
    /// How long an instance waits for its next request.
    #[arg(long = "idle-instance-timeout", default_value = "1s", value_parser = duration)]
    pub idle: Duration,
}

fn name_and_value(argument: &str) -> Result<(String, String), &'static str> {
    let (name, value) = argument.split_once('=').ok_or("a variable is given as name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `60s` or `500ms`.
fn duration(argument: &str) -> Result<Duration, &'static str> {
    let parsed = match argument.strip_suffix("ms") {
        Some(milliseconds) => milliseconds.parse().ok().map(Duration::from_millis),
        None => argument.strip_suffix('s').and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs),
    };
    parsed.ok_or("a duration is given in seconds, as 60s, or in milliseconds, as 500ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NECESSARY: [&str; 8] =
        ["embedded-host", "up", "--from-file", "spin.toml", "--temp", "temporary", "--compiled", "compiled"];

    fn parsed(more: &[&str]) -> Result<UpOptions, clap::Error> {
        let CommandLine::Up(options) = CommandLine::try_parse_from(NECESSARY.iter().chain(more))?;
        Ok(*options)
    }

    #[test]
    fn the_defaults_are_spins() {
        let reuse = InstanceReuse { max_requests: 128, max_concurrent: 16, idle: Duration::from_secs(1) };
        assert_eq!(parsed(&[]).unwrap().reuse, reuse);
    }

    #[test]
    fn values_are_read_and_wrong_ones_are_explained() {
        let options = parsed(&["--variable", "name=a=b", "--idle-instance-timeout", "60s"]).unwrap();
        assert_eq!(options.variables, [("name".to_owned(), "a=b".to_owned())]);
        assert_eq!(options.reuse.idle, Duration::from_secs(60));
        assert_eq!(parsed(&["--idle-instance-timeout", "250ms"]).unwrap().reuse.idle, Duration::from_millis(250));
        for (wrong, expected) in [
            (["--variable", "name"], "name=value"),
            (["--idle-instance-timeout", "1h"], "as 60s"),
            (["--listen", "nowhere"], "--listen"),
        ] {
            let error = parsed(&wrong).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
