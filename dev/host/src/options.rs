//! What a host is asked to run, and how.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{clock::WallClock, log::LogSink};

/// The error about a key or a value that this host does not read.
pub(crate) const UNSUPPORTED: &str = "not supported by the embedded host: correct it, or run with --spin";

/// What to run and how.
#[derive(Clone, Serialize, Deserialize)]
pub struct HostOptions {
    /// The application's `spin.toml`; component sources are relative to its folder.
    pub manifest: PathBuf,
    /// The runtime config file, if there is one.
    pub runtime_config: Option<PathBuf>,
    /// Whether components read the folders of `files` themselves, and not copies made at the start.
    pub direct_mounts: bool,
    /// Where to listen. Port 0 means any free port.
    pub listen: SocketAddr,
    /// What Spin would read from its process environment: `SPIN_VARIABLE_*`, `AZURE_*`, `SSL_CERT_FILE`.
    pub environment: BTreeMap<String, String>,
    /// Values that take precedence over all providers, like those of `spin up --variable name=value`.
    pub variables: BTreeMap<String, String>,
    /// Where the components' output goes.
    pub log: LogSink,
    /// How instances are reused.
    pub reuse: InstanceReuse,
    /// The folder of the default key-value store.
    pub state_dir: PathBuf,
    /// The folder of compiled components. Hosts can share it, since the key is a hash of the component.
    pub cache_dir: PathBuf,
    /// The wall clock that components see. The real Spin supports only the machine's.
    #[serde(skip)]
    pub clock: WallClock,
}

impl fmt::Debug for HostOptions {
    /// Prints only the names of environment and variables, because their values can be secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HostOptions")
            .field("manifest", &self.manifest)
            .field("runtime_config", &self.runtime_config)
            .field("direct_mounts", &self.direct_mounts)
            .field("listen", &self.listen)
            .field("environment", &self.environment.keys())
            .field("variables", &self.variables.keys())
            .field("log", &self.log)
            .field("reuse", &self.reuse)
            .field("state_dir", &self.state_dir)
            .field("cache_dir", &self.cache_dir)
            .field("clock", &self.clock)
            .finish()
    }
}

/// How many requests one component instance serves. The default is Spin's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReuse {
    /// The total number of requests, after which the instance is dropped.
    pub max_requests: usize,
    /// The number of concurrent requests.
    pub max_concurrent: usize,
    /// How long an instance waits for its next request.
    pub idle: Duration,
}

impl Default for InstanceReuse {
    fn default() -> Self {
        Self { max_requests: 128, max_concurrent: 16, idle: Duration::from_secs(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_print_names_and_no_values() {
        let secret = || BTreeMap::from([("NAME".to_owned(), "hidden".to_owned())]);
        let options = HostOptions {
            manifest: "spin.toml".into(),
            runtime_config: None,
            direct_mounts: false,
            listen: ([127, 0, 0, 1], 0).into(),
            environment: secret(),
            variables: secret(),
            log: LogSink::Collect,
            reuse: InstanceReuse::default(),
            state_dir: "state".into(),
            cache_dir: "cache".into(),
            clock: WallClock::default(),
        };
        let printed = format!("{options:?}");
        assert!(printed.contains("NAME") && !printed.contains("hidden"), "{printed}");
    }
}
