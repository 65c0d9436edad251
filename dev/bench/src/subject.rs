//! What is measured.

use std::{fmt, time::Duration};

use embedded_host::InstanceReuse;
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
    /// The same job on Node: `bench/node-peer`.
    NodePeer,
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
    /// Spin's own.
    Sqlite,
    Redis,
}

impl Subject {
    /// Everything that is compared, each baseline first.
    pub(super) const ALL: [Self; 9] = [
        Self::PassThrough(Reuse::LongLived),
        Self::Least(Reuse::LongLived),
        Self::ProfileGet(Reuse::LongLived, Store::Sqlite),
        Self::PassThrough(Reuse::Default),
        Self::Least(Reuse::Default),
        Self::ProfileGet(Reuse::Default, Store::Sqlite),
        Self::ProfileGet(Reuse::Default, Store::Redis),
        Self::ProfileGet(Reuse::Default, Store::Off),
        Self::NodePeer,
    ];

    /// Its baseline: the pass-through in the same host with the same settings.
    pub(super) fn floor(self) -> Option<Self> {
        match self {
            Self::PassThrough(_) | Self::NodePeer => None,
            Self::Least(reuse) | Self::ProfileGet(reuse, _) => Some(Self::PassThrough(reuse)),
        }
    }

    /// How many rounds of calls to make after the first, before measuring. A host keeps about as many instances as
    /// there are connections, and each has a cache of its own.
    pub(super) fn further_rounds(self) -> usize {
        match self {
            Self::ProfileGet(Reuse::LongLived, _) => 40,
            _ => 1,
        }
    }

    /// Whether `wrk` measures it too.
    pub(super) fn is_measured_by_wrk(self) -> bool {
        matches!(self, Self::PassThrough(_) | Self::ProfileGet(..))
    }

    pub(super) fn store(self) -> Option<Store> {
        match self {
            Self::ProfileGet(_, store) => Some(store),
            Self::PassThrough(_) | Self::Least(_) | Self::NodePeer => None,
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
                    Store::Redis => "Redis",
                };
                write!(formatter, "profile-get, {}, {store}", reuse.word())
            }
            Self::NodePeer => formatter.write_str("Node with msal-node"),
        }
    }
}
