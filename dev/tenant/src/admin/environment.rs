//! What clients need to know of a tenant.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::{
    directory::{
        app_registration::{AppRegistration, Origin},
        managed_identity::ManagedIdentity,
    },
    tenant::Tenant,
};

/// Addresses, ids and secrets.
pub(super) fn environment(tenant: &Tenant, admin: SocketAddr) -> Value {
    let directory = &tenant.directory;
    let applications = directory.applications.all();
    let own = applications.iter().filter(|one| matches!(one.origin, Origin::BuiltIn(_) | Origin::Registered));
    let variables: Map<String, Value> =
        tenant.identity_variables().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({
        "tenant_id": tenant.tenant_id(),
        "domain": directory.domain,
        "other_tenant_id": tenant.other_tenant_id(),
        "authority_url": tenant.authority_url(),
        "graph_url": tenant.graph_url(),
        "vault_url": tenant.vault_url(),
        "platform_url": tenant.platform_url(),
        "admin_url": format!("http://{admin}"),
        "authority_pem": tenant.authority_pem(),
        "applications": own.map(|application| describe(application)).collect::<Vec<_>>(),
        "managed_identities": directory.workload.identities().map(describe_identity),
        "identity_variables": variables,
        "cluster_issuer": tenant.cluster_issuer(),
        "administrator": tenant.administrator().name,
    })
}

fn describe(application: &AppRegistration) -> Value {
    let manifest = application.manifest();
    let scopes: Vec<&str> = manifest.scopes().map(|scope| scope.value.as_str()).collect();
    let redirect_uris: Vec<&String> = manifest.web.redirect_uris.iter().chain(&manifest.spa.redirect_uris).collect();
    let secret = Some(application.secret()).filter(|secret| !secret.is_empty());
    json!({
        "name": manifest.display_name,
        "client_id": application.client_id,
        "client_secret": secret,
        "id_uri": manifest.identifier_uris.first(),
        "scopes": scopes,
        "redirect_uris": redirect_uris,
    })
}

fn describe_identity(identity: &ManagedIdentity) -> Value {
    json!({
        "client_id": identity.client.client_id,
        "principal_id": identity.client.service_principal_id,
        "resource_id": identity.resource_id,
    })
}
