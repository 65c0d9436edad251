//! The API's upstreams, each of which can be broken separately.

use std::fmt;

use emulated_tenant::{Endpoint, Fault, Service, Tenant};

use super::fault::FaultKind;
use crate::deep::store_proxy::StoreProxy;

/// A dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::deep) enum Upstream {
    Configuration,
    Keys,
    Token,
    Graph,
    Vault,
    Store,
}

impl Upstream {
    pub(in crate::deep) const ALL: [Self; 6] =
        [Self::Configuration, Self::Keys, Self::Token, Self::Graph, Self::Vault, Self::Store];

    /// Whether requests succeed before the fault begins. An upstream that is needed only once is broken from the start.
    pub(super) const fn is_warmed(self) -> bool {
        matches!(self, Self::Token | Self::Graph | Self::Store)
    }

    /// Begins the fault.
    pub(in crate::deep) fn break_by(self, fault: FaultKind, tenant: &Tenant, store: Option<&StoreProxy>) {
        let (endpoint, service) = match self {
            Self::Configuration => (Endpoint::OpenIdConfiguration, Service::Entra),
            Self::Keys => (Endpoint::KeySet, Service::Entra),
            Self::Token => (Endpoint::Token, Service::Entra),
            Self::Graph => (Endpoint::GraphMe, Service::Graph),
            Self::Vault => (Endpoint::VaultSecret, Service::KeyVault),
            Self::Store => {
                if let Some(store) = store {
                    store.set(fault.of_store());
                }
                return;
            }
        };
        match fault.of_http() {
            Some(fault) => tenant.faults().set(endpoint, fault),
            // Keys are requested right after the configuration, from the same service.
            None if self == Self::Keys => tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::LastAnswer),
            None => tenant.faults().refuse(service),
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Configuration => "configuration",
            Self::Keys => "keys",
            Self::Token => "token",
            Self::Graph => "Graph",
            Self::Vault => "vault",
            Self::Store => "store",
        })
    }
}
