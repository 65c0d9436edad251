//! Managed identities of the machine on which an application runs, and the cluster that it may run in.

use std::sync::{Arc, LazyLock};

use super::{
    app_registration::{AppRegistration, Origin},
    applications::Applications,
    lag::Lag,
    manifest::Manifest,
    signing_key::SigningKey,
};
use crate::random;

/// A managed identity: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview>.
pub(crate) struct ManagedIdentity {
    /// It has no application object, but is a client like others.
    pub(crate) client: Arc<AppRegistration>,
    /// The id in Azure Resource Manager.
    pub(crate) resource_id: String,
}

/// What the platform knows of the application that runs on it.
pub(crate) struct Workload {
    /// The identity of the machine.
    pub(crate) system_assigned: ManagedIdentity,
    /// An identity that was assigned to the machine.
    pub(crate) user_assigned: ManagedIdentity,
    /// What a request must send in `X-IDENTITY-HEADER`.
    pub(crate) identity_header: String,
    pub(crate) cluster: Cluster,
}

/// A Kubernetes cluster with workload identity. It issues tokens of its own.
pub(crate) struct Cluster {
    /// With a slash at its end, as AKS has it.
    pub(crate) issuer: String,
    pub(crate) key: LazyLock<SigningKey>,
}

impl Workload {
    /// Adds the identities to `applications`.
    pub(super) fn register(applications: &Applications, platform_url: &str) -> Self {
        let resources = format!("/subscriptions/{}/resourcegroups/emulated/providers", random::guid());
        let identity = |name: &str, path: &str| {
            let manifest = Manifest { display_name: name.to_owned(), ..Manifest::default() };
            let client = AppRegistration::new(random::guid(), Origin::ManagedIdentity, manifest, Lag::new(0));
            let resource_id = format!("{resources}/{path}/{name}");
            ManagedIdentity { client: applications.add(client), resource_id }
        };
        Self {
            system_assigned: identity("machine", "Microsoft.Compute/virtualMachines"),
            user_assigned: identity("profile-get-identity", "Microsoft.ManagedIdentity/userAssignedIdentities"),
            identity_header: random::guid(),
            cluster: Cluster { issuer: format!("{platform_url}/{}/", random::guid()), key: LazyLock::new(new_key) },
        }
    }

    pub(crate) fn identities(&self) -> [&ManagedIdentity; 2] {
        [&self.system_assigned, &self.user_assigned]
    }
}

#[expect(clippy::expect_used, reason = "Entra's own keys were made before")]
fn new_key() -> SigningKey {
    SigningKey::generate().expect("a key can be made where others were made before")
}
