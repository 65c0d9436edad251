//! Applications as configuration files define them.

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{
    app_registration::{AppRegistration, Origin, Platform},
    app_roles::RoleAssignments,
    applications::{Applications, required, scope},
    checked,
    consents::{Consents, GivenBy},
    credentials::{FederatedCredential, Trust},
    lag::Lag,
    manifest::{Api, AppRole, ConsentType, Manifest, PreAuthorizedApplication, SignInAudience, SinglePage, Web},
    well_known::TOKEN_EXCHANGE,
};
use crate::random;

/// An application to be registered. Other applications in it are called by their display names.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationDefinition {
    #[serde(deserialize_with = "checked::filled")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "checked::guid")]
    pub(super) client_id: Option<String>,
    #[serde(default, deserialize_with = "checked::optionally_filled")]
    client_secret: Option<String>,
    #[serde(default, deserialize_with = "checked::optionally_filled")]
    pub(super) id_uri: Option<String>,
    /// The delegated permissions that it offers.
    #[serde(default, deserialize_with = "checked::scopes")]
    pub(super) scopes: Vec<String>,
    #[serde(default = "newest", deserialize_with = "checked::token_version")]
    access_token_version: u8,
    #[serde(default, deserialize_with = "checked::redirect_uris")]
    web_redirect_uris: Vec<String>,
    #[serde(default, deserialize_with = "checked::redirect_uris")]
    spa_redirect_uris: Vec<String>,
    /// Clients that need no consent for its permissions.
    #[serde(default)]
    pub(super) pre_authorized: Vec<String>,
    /// The permissions that it needs, by resource.
    #[serde(default)]
    pub(super) permissions: BTreeMap<String, Vec<String>>,
    /// Whether an administrator has consented to those for everyone.
    #[serde(default)]
    admin_consent: bool,
    /// The roles that it offers to applications.
    #[serde(default, deserialize_with = "checked::scopes")]
    pub(super) roles: Vec<String>,
    /// The roles that were assigned to it, by resource: what it may do without a person.
    #[serde(default)]
    pub(super) application_permissions: BTreeMap<String, Vec<String>>,
    /// Whether people of other directories can sign in.
    #[serde(default)]
    multi_tenant: bool,
    /// Service accounts of the cluster, `namespace/name`, whose tokens authenticate it.
    #[serde(default, deserialize_with = "checked::service_accounts")]
    trusted_service_accounts: Vec<String>,
}

const fn newest() -> u8 {
    2
}

impl ApplicationDefinition {
    /// Registers it, without what refers to other applications.
    pub(super) fn register(&self, applications: &Applications, tenant_id: &str, cluster_issuer: &str) {
        let client_id = self.client_id.clone().unwrap_or_else(random::guid);
        let words = |name: &str| format!("Use {} as you ({name})", self.name);
        let scopes =
            self.scopes.iter().map(|name| scope(&random::guid(), name, ConsentType::User, &words(name))).collect();
        let identifier_uri = self
            .id_uri
            .clone()
            .or_else(|| (!self.scopes.is_empty() || !self.roles.is_empty()).then(|| format!("api://{client_id}")));
        let manifest = Manifest {
            display_name: self.name.clone(),
            sign_in_audience: match self.multi_tenant {
                true => SignInAudience::MultipleOrgs,
                false => SignInAudience::MyOrg,
            },
            identifier_uris: identifier_uri.into_iter().collect(),
            api: Api {
                requested_access_token_version: Some(self.access_token_version),
                oauth2_permission_scopes: scopes,
                ..Api::default()
            },
            web: Web { redirect_uris: self.web_redirect_uris.clone(), ..Web::default() },
            spa: SinglePage { redirect_uris: self.spa_redirect_uris.clone() },
            ..Manifest::default()
        };
        let roles = self.roles.iter().map(|value| AppRole { id: random::guid(), value: value.clone() }).collect();
        let application = AppRegistration::new(client_id, Origin::Registered, manifest, Lag::new(0)).with_roles(roles);
        application.install(tenant_id, Lag::new(0));
        match &self.client_secret {
            Some(secret) => application.set_secret(secret.clone()),
            None if application.platform() == Platform::Web => application.set_secret(random::client_secret()),
            None => {}
        }
        for (namespace, name) in self.trusted_service_accounts.iter().filter_map(|account| account.split_once('/')) {
            let trust = Trust {
                name: format!("{namespace}-{name}"),
                issuer: cluster_issuer.to_owned(),
                subject: format!("system:serviceaccount:{namespace}:{name}"),
                description: None,
                audiences: vec![TOKEN_EXCHANGE.to_owned()],
            };
            let credential = FederatedCredential { id: random::guid(), trust, lag: Lag::new(0) };
            application.federated_credentials_mut().push(credential);
        }
        applications.add(application);
    }

    /// Adds what refers to other applications. All of them, and their permissions, exist.
    pub(super) fn connect(
        &self,
        applications: &Applications,
        consents: &Consents,
        role_assignments: &RoleAssignments,
        tenant_id: &str,
    ) {
        let Some(own) = find(applications, &self.name) else { return };
        let scope_ids = |application: &AppRegistration, names: &[String]| -> Vec<String> {
            names.iter().filter_map(|name| application.scope(name)).map(|scope| scope.id).collect()
        };
        let clients = self.pre_authorized.iter().filter_map(|name| find(applications, name));
        let pre_authorized = clients.map(|client| PreAuthorizedApplication {
            app_id: client.client_id.clone(),
            delegated_permission_ids: scope_ids(&own, &self.scopes),
        });
        let pre_authorized = pre_authorized.collect();
        let mut needed = Vec::new();
        for (resource, names) in &self.permissions {
            let Some(resource) = find(applications, resource) else { continue };
            needed.push(required(&resource.client_id, scope_ids(&resource, names)));
            for name in names.iter().filter(|_| self.admin_consent) {
                let everybody = GivenBy::Administrator { tenant_id: tenant_id.to_owned() };
                consents.give(&own, &resource, name, everybody);
            }
        }
        for (resource, roles) in &self.application_permissions {
            let Some(resource) = find(applications, resource) else { continue };
            for role in roles {
                role_assignments.assign(&own, &resource, role);
            }
        }
        let mut manifest = own.manifest_mut();
        manifest.api.pre_authorized_applications = pre_authorized;
        manifest.required_resource_access = needed;
    }
}

fn find(applications: &Applications, name: &str) -> Option<Arc<AppRegistration>> {
    let is_meant = |application: &AppRegistration| application.display_name() == name;
    applications.find(|application| is_meant(application) && application.origin != Origin::ManagedIdentity)
}
