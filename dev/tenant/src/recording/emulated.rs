//! The emulated tenant as the target of the scenarios.

use std::collections::HashMap;

use super::target::{Role, TargetApi, TargetTenant, TargetVault};
use crate::{
    directory::{people::DOMAIN, vault::CertificateFormat},
    tenant::Tenant,
    tokens::plan::TokenPlan,
};

/// Secrets of the vault other than the API's own.
const DISABLED: &str = "disabled";
const CERTIFICATE: &str = "certificate";

impl TargetTenant {
    /// Prepares `tenant` so that every scenario can be run, and describes it.
    ///
    /// # Errors
    /// When the tenant lacks a person whom a scenario needs.
    pub fn emulated(tenant: &Tenant) -> anyhow::Result<Self> {
        tenant.set_vault_secret(DISABLED, "a secret of the vault");
        tenant.disable_vault_secret(DISABLED);
        tenant.set_vault_certificate(CERTIFICATE, "a secret of the vault", CertificateFormat::Pkcs12);
        let reader = tenant.vault_identity();
        let token = |name: &str, change: fn(&mut TokenPlan)| {
            tenant.person(name).map(|person| tenant.access_token(person, change))
        };
        let mut people = HashMap::from([(Role::Expired, token("ada", TokenPlan::expire)?)]);
        for (role, name) in [
            (Role::Ordinary, "ada"),
            (Role::WithoutPhoto, "pia"),
            (Role::Personal, "paula"),
            (Role::Blocked, "blake"),
            (Role::SecondFactor, "mona"),
            (Role::SignedOut, "rex"),
            (Role::Elsewhere, "cleo"),
            (Role::Throttled, "gil"),
        ] {
            people.insert(role, token(name, |_| ())?);
        }
        Ok(Self {
            authority_url: tenant.authority_url().to_owned(),
            graph_url: tenant.graph_url().to_owned(),
            tenant_id: tenant.tenant_id().to_owned(),
            domain: DOMAIN.to_owned(),
            registration: Some(TargetApi {
                client_id: tenant.client_id().to_owned(),
                secret: Some(tenant.client_secret()),
                expired_secret: Some(tenant.add_expired_client_secret()),
            }),
            vault: Some(TargetVault {
                url: tenant.vault_url().to_owned(),
                reader: Some((reader.client_id, reader.client_secret)),
                secret: Some("clientsecret".to_owned()),
                disabled: Some(DISABLED.to_owned()),
                certificate: Some(CERTIFICATE.to_owned()),
            }),
            people,
        })
    }
}
