//! What a host serves, and how.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::log::LogSink;

/// What to run and how.
#[derive(Clone)]
pub struct HostOptions {
    /// The application's `spin.toml`; component sources are relative to its folder.
    pub manifest: PathBuf,
    /// The runtime config file, if there is one.
    pub runtime_config: Option<PathBuf>,
    /// Whether components read the folders of `files` themselves, and not copies made at the start.
    pub direct_mounts: bool,
    /// Where to listen. Port 0 means any free port.
    pub listen: SocketAddr,
    /// Variables of the process: `SPIN_VARIABLE_*`, `AZURE_*`, `SSL_CERT_FILE`.
    pub environment: BTreeMap<String, String>,
    /// Values that take precedence over all providers. Every user of this machine can see them.
    pub variables: BTreeMap<String, String>,
    /// Where the output of host and components goes.
    pub log: LogSink,
    /// How instances are reused.
    pub reuse: InstanceReuse,
    /// The folder of the default key-value store and of the host's other files.
    pub state_dir: PathBuf,
    /// Whether the embedded host can be controlled.
    pub is_controlled: bool,
}

impl HostOptions {
    /// For a test: no configuration but the manifest's, a free port, Spin's reuse of instances, a collected log.
    #[must_use]
    pub fn new(manifest: PathBuf, state_dir: PathBuf) -> Self {
        Self {
            manifest,
            runtime_config: None,
            direct_mounts: false,
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            environment: BTreeMap::new(),
            variables: BTreeMap::new(),
            log: LogSink::Collect,
            reuse: InstanceReuse::default(),
            state_dir,
            is_controlled: false,
        }
    }

    /// The arguments of `spin`, for the real one and the embedded host.
    pub(super) fn arguments(&self) -> Vec<OsString> {
        let reuse = self.reuse;
        let mut arguments: Vec<OsString> = vec!["up".into(), "--from-file".into(), self.manifest.clone().into()];
        arguments.extend(["--listen".into(), self.listen.to_string().into()]);
        arguments.extend(["--state-dir".into(), self.state_dir.clone().into()]);
        arguments.extend(["--temp".into(), self.state_dir.join("temporary").into()]);
        if let Some(runtime_config) = &self.runtime_config {
            arguments.extend(["--runtime-config-file".into(), runtime_config.clone().into()]);
        }
        if self.direct_mounts {
            arguments.push("--direct-mounts".into());
        }
        for (name, value) in &self.variables {
            arguments.extend(["--variable".into(), format!("{name}={value}").into()]);
        }
        arguments.extend(["--max-instance-reuse-count".into(), reuse.max_requests.to_string().into()]);
        arguments.extend(["--max-instance-concurrent-reuse-count".into(), reuse.max_concurrent.to_string().into()]);
        arguments.extend(["--idle-instance-timeout".into(), format!("{}ms", reuse.idle.as_millis()).into()]);
        arguments
    }
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
            .field("is_controlled", &self.is_controlled)
            .finish()
    }
}

/// How many requests one component instance serves. The default is Spin's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    use std::ffi::OsStr;

    use super::*;

    fn options() -> HostOptions {
        HostOptions {
            runtime_config: Some("/p/runtime-config.toml".into()),
            direct_mounts: true,
            environment: BTreeMap::from([("NAME".to_owned(), "hidden".to_owned())]),
            variables: BTreeMap::from([("graph_url".to_owned(), "http://127.0.0.1:9".to_owned())]),
            ..HostOptions::new("/p/spin.toml".into(), "/s".into())
        }
    }

    #[test]
    fn they_become_arguments_of_spin() {
        assert_eq!(
            options().arguments().join(OsStr::new(" ")),
            "up --from-file /p/spin.toml --listen 127.0.0.1:0 --state-dir /s --temp /s/temporary \
             --runtime-config-file /p/runtime-config.toml --direct-mounts --variable graph_url=http://127.0.0.1:9 \
             --max-instance-reuse-count 128 --max-instance-concurrent-reuse-count 16 --idle-instance-timeout 1000ms"
        );
    }

    #[test]
    fn they_print_names_and_no_values() {
        let printed = format!("{:?}", options());
        assert!(printed.contains("NAME") && printed.contains("graph_url"), "{printed}");
        assert!(!printed.contains("hidden") && !printed.contains("127.0.0.1:9\""), "{printed}");
    }
}
