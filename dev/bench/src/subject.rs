//! What is measured.

use std::{fmt, time::Duration};

use profile_get_dev::run::InstanceReuse;
use serde::Serialize;

/// A server under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Subject {
    /// The baseline: `bench/pass-through`.
    PassThrough(Reuse),
    /// The baseline with the minimum for any API that checks a token: it verifies one signature, writes one log line
    /// and, if instances are too short-lived to remember many people, reads one entry of the store.
    Least(Reuse),
    /// The component.
    ProfileGet(Reuse, Store),
    /// The same job on Node: `bench/node-peer/server.mjs`.
    NodePeer,
    /// The baseline of the component `entra`: `bench/front`, which forwards to an app that does nothing.
    Front(Reuse),
    /// `entra` as a gateway in front of the same app.
    Gateway(Reuse),
    /// `entra` as a sidecar, which an app asks for a token that it remembers. The app is the front again.
    Sidecar(Reuse),
    /// The jobs of `entra` on Node: `bench/node-peer/guard.mjs`.
    NodeGateway,
    NodeSidecar,
    /// The baseline of `entra-obo` without WebAssembly: `bench/by-hand`.
    ByHand,
    /// The example of `entra-obo`, a native server.
    Native,
}

/// What is compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// The API in WebAssembly.
    Profile,
    /// Requests to an app that `entra` guards.
    Guard,
    /// The API without WebAssembly.
    Native,
}

/// How long instances live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reuse {
    /// As `docs/performance.md` recommends.
    LongLived,
    /// Spin's default.
    Default,
}

/// The key-value store behind an instance's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Store {
    /// Not used: `token_store_slots` is 0.
    Off,
    /// Spin's own, in a file.
    Sqlite,
    /// The same in memory.
    Memory,
    Redis,
}

impl Subject {
    /// Everything that is compared, each baseline first.
    pub(super) const ALL: [Self; 19] = [
        Self::PassThrough(Reuse::LongLived),
        Self::Least(Reuse::LongLived),
        Self::ProfileGet(Reuse::LongLived, Store::Sqlite),
        Self::PassThrough(Reuse::Default),
        Self::Least(Reuse::Default),
        Self::ProfileGet(Reuse::Default, Store::Sqlite),
        Self::ProfileGet(Reuse::Default, Store::Redis),
        Self::ProfileGet(Reuse::Default, Store::Off),
        Self::NodePeer,
        Self::Front(Reuse::LongLived),
        Self::Gateway(Reuse::LongLived),
        Self::Sidecar(Reuse::LongLived),
        Self::Front(Reuse::Default),
        Self::Gateway(Reuse::Default),
        Self::Sidecar(Reuse::Default),
        Self::NodeGateway,
        Self::NodeSidecar,
        Self::ByHand,
        Self::Native,
    ];

    /// Its baseline: the least that does the same without Entra, in the same host with the same settings. That of the
    /// core without WebAssembly is the same API, written by hand.
    pub(super) fn floor(self) -> Option<Self> {
        match self {
            Self::Least(reuse) | Self::ProfileGet(reuse, _) => Some(Self::PassThrough(reuse)),
            Self::Gateway(reuse) | Self::Sidecar(reuse) => Some(Self::Front(reuse)),
            Self::Native => Some(Self::ByHand),
            Self::PassThrough(_) | Self::Front(_) | Self::ByHand => None,
            Self::NodePeer | Self::NodeGateway | Self::NodeSidecar => None,
        }
    }

    /// The same job on Node.
    pub(super) fn on_node(self) -> Option<Self> {
        match self {
            Self::PassThrough(_) | Self::Least(_) | Self::ProfileGet(..) => Some(Self::NodePeer),
            Self::ByHand | Self::Native => Some(Self::NodePeer),
            Self::Front(_) | Self::Gateway(_) => Some(Self::NodeGateway),
            Self::Sidecar(_) => Some(Self::NodeSidecar),
            Self::NodePeer | Self::NodeGateway | Self::NodeSidecar => None,
        }
    }

    /// Whether it runs on Node.
    pub(super) fn is_on_node(self) -> bool {
        self.on_node().is_none()
    }

    pub(super) fn job(self) -> Job {
        match self {
            Self::PassThrough(_) | Self::Least(_) | Self::ProfileGet(..) | Self::NodePeer => Job::Profile,
            Self::Front(_) | Self::Gateway(_) | Self::Sidecar(_) | Self::NodeGateway | Self::NodeSidecar => Job::Guard,
            Self::ByHand | Self::Native => Job::Native,
        }
    }

    /// The path that is called. In `bench/front`, it decides which components answer.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Front(_) => "/front",
            Self::Gateway(_) | Self::NodeGateway => "/gateway",
            Self::Sidecar(_) | Self::NodeSidecar => "/AuthorizationHeader/graph",
            _ => "/api/profile-get",
        }
    }

    /// How many rounds of calls to make after the first, before measuring. A host keeps about as many instances as
    /// there are connections, and each has a cache of its own.
    pub(super) fn further_rounds(self) -> usize {
        match self {
            Self::ProfileGet(Reuse::LongLived, _)
            | Self::Gateway(Reuse::LongLived)
            | Self::Sidecar(Reuse::LongLived) => 40,
            _ => 1,
        }
    }

    /// Whether `wrk` measures it too.
    pub(super) fn is_measured_by_wrk(self) -> bool {
        matches!(self, Self::PassThrough(_) | Self::ProfileGet(..) | Self::Gateway(_) | Self::Sidecar(_))
    }

    pub(super) fn store(self) -> Option<Store> {
        match self {
            Self::ProfileGet(_, store) => Some(store),
            _ => None,
        }
    }
}

impl Reuse {
    pub(super) fn of_instances(self) -> InstanceReuse {
        match self {
            Self::Default => InstanceReuse::default(),
            Self::LongLived => {
                InstanceReuse { max_requests: 100_000, idle: Duration::from_secs(60), ..InstanceReuse::default() }
            }
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::LongLived => "long-lived instances",
            Self::Default => "Spin's default reuse",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PassThrough(reuse) => write!(formatter, "pass-through, {}", reuse.word()),
            Self::Least(reuse) => write!(formatter, "least, {}", reuse.word()),
            Self::ProfileGet(reuse, store) => {
                let store = match store {
                    Store::Off => "no store",
                    Store::Sqlite => "SQLite",
                    Store::Memory => "SQLite in memory",
                    Store::Redis => "Redis",
                };
                write!(formatter, "profile-get, {}, {store}", reuse.word())
            }
            Self::NodePeer => formatter.write_str("Node with msal-node"),
            Self::Front(reuse) => write!(formatter, "front, {}", reuse.word()),
            Self::Gateway(reuse) => write!(formatter, "gateway, {}", reuse.word()),
            Self::Sidecar(reuse) => write!(formatter, "sidecar, {}", reuse.word()),
            Self::NodeGateway => formatter.write_str("gateway on Node"),
            Self::NodeSidecar => formatter.write_str("sidecar on Node"),
            Self::ByHand => formatter.write_str("native server, by hand"),
            Self::Native => formatter.write_str("native server, entra-obo"),
        }
    }
}
