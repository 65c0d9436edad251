//! The upstreams of the subjects, each of which can be broken separately.

use std::fmt;

use cargo_dev::commands::deep::Subject;
use emulated_tenant::{Endpoint, Fault, Service, Tenant};

use super::fault::FaultKind;
use crate::deep::breaking_proxy::{BreakingProxy, ReplyFault};

/// A dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::deep) enum Upstream {
    Configuration,
    Keys,
    Token,
    Graph,
    Vault,
    Store,
    /// The app behind the gateway.
    App,
}

impl Upstream {
    /// The gateway gets tokens for Graph and hands them to the app; it does not call Graph. While the vault cannot be read,
    /// the host lets no component call another, so nobody reaches the sidecar.
    pub(in crate::deep) const fn of(subject: Subject) -> &'static [Self] {
        match subject {
            Subject::Api => &[Self::Configuration, Self::Keys, Self::Token, Self::Vault, Self::Store, Self::Graph],
            Subject::Gateway => &[Self::Configuration, Self::Keys, Self::Token, Self::Vault, Self::Store, Self::App],
            Subject::Sidecar => &[Self::Configuration, Self::Keys, Self::Token, Self::Store, Self::Graph],
        }
    }

    /// The ways in which it can break. An app may take a minute to answer, so it is only broken where that shows at once.
    pub(in crate::deep) fn faults(self) -> impl Iterator<Item = FaultKind> {
        FaultKind::ALL.into_iter().filter(move |kind| !matches!(self, Self::App) || kind.shows_at_once())
    }

    /// Whether requests succeed before the fault begins. An upstream that is needed only once is broken from the start.
    pub(super) const fn is_warmed(self) -> bool {
        matches!(self, Self::Token | Self::Graph | Self::Store | Self::App)
    }

    /// Begins the fault, in the tenant or in the proxy of the store or the app.
    pub(in crate::deep) fn break_by(self, fault: FaultKind, tenant: &Tenant, proxies: &Proxies<'_>) {
        let (endpoint, service) = match self {
            Self::Configuration => (Endpoint::OpenIdConfiguration, Service::Entra),
            Self::Keys => (Endpoint::KeySet, Service::Entra),
            Self::Token => (Endpoint::Token, Service::Entra),
            Self::Graph => (Endpoint::GraphMe, Service::Graph),
            Self::Vault => (Endpoint::VaultSecret, Service::KeyVault),
            Self::Store => return proxies.store.iter().for_each(|store| store.set(fault.of_store())),
            Self::App => return proxies.app.iter().for_each(|app| app.set(fault.of_app())),
        };
        match fault.of_http() {
            Some(fault) => tenant.faults().set(endpoint, fault),
            // Keys are requested right after the configuration, from the same service.
            None if self == Self::Keys => tenant.faults().set(Endpoint::OpenIdConfiguration, Fault::LastAnswer),
            None => tenant.faults().refuse(service),
        }
    }
}

/// The proxies that can break.
pub(in crate::deep) struct Proxies<'a> {
    pub(in crate::deep) store: Option<&'a BreakingProxy>,
    pub(in crate::deep) app: Option<&'a BreakingProxy>,
}

impl Proxies<'_> {
    /// Ends their faults.
    pub(in crate::deep) fn restore(&self) {
        self.store.iter().chain(&self.app).for_each(|proxy| proxy.set(ReplyFault::None));
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
            Self::App => "app",
        })
    }
}
