//! Entra's metadata documents (OpenID Connect Discovery 1.0 section 4).

use serde::Deserialize;

use crate::caller::unverified_token::TokenVersion;

/// Where the metadata for tokens of a version is published, below `authority`.
///
/// A v1 token must be checked by the v1 document and a v2 token by the v2 document.
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats>
#[must_use]
pub(crate) fn address(authority: &str, tenant: &str, version: TokenVersion) -> String {
    match version {
        TokenVersion::V1 => format!("{authority}/{tenant}/.well-known/openid-configuration"),
        TokenVersion::V2 => format!("{authority}/{tenant}/v2.0/.well-known/openid-configuration"),
    }
}

/// The members that matter here.
#[derive(Debug)]
pub(crate) struct OpenIdConfiguration {
    /// The issuer that tokens must name.
    pub issuer: IssuerTemplate,
    /// Where the signing keys are.
    pub keys_address: String,
    /// `cloud_instance_name`: the cloud whose keys sign for this issuer.
    pub cloud: Option<String>,
}

impl OpenIdConfiguration {
    /// Reads a metadata document.
    ///
    /// # Errors
    /// What is wrong, in words for the log. A document whose keys are on another host than its own is refused: anyone
    /// who could write that member would be the issuer.
    pub(crate) fn parse(body: &[u8], authority: &str) -> Result<Self, &'static str> {
        let document: Document =
            serde_json::from_slice(body).map_err(|_| "the OpenID configuration has no issuer and jwks_uri")?;
        let path = document
            .jwks_uri
            .strip_prefix(authority)
            .ok_or("the OpenID configuration's jwks_uri is not at authority_host")?;
        if !path.starts_with('/') {
            return Err("the OpenID configuration's jwks_uri is not at authority_host");
        }
        if document.issuer.is_empty() {
            return Err("the OpenID configuration's issuer is empty");
        }
        Ok(Self {
            issuer: IssuerTemplate::new(document.issuer),
            keys_address: document.jwks_uri,
            cloud: document.cloud_instance_name,
        })
    }
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    cloud_instance_name: Option<String>,
}

/// Placeholders for the tenant's id: Entra writes the first, some of Microsoft's pages the second.
const PLACEHOLDERS: [&str; 2] = ["{tenantid}", "{tenantId}"];

/// An issuer. In a document for several tenants it has `{tenantid}` in place of the tenant's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IssuerTemplate(String);

impl IssuerTemplate {
    /// An issuer as published.
    #[must_use]
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    /// The issuer of v1 tokens in the cloud of `authority`, for an authority that has no v1 document.
    #[must_use]
    pub(crate) fn of_v1_tokens(authority: &str) -> Self {
        let host = if authority.ends_with(".cn") { "sts.chinacloudapi.cn" } else { "sts.windows.net" };
        Self(format!("https://{host}/{{tenantid}}/"))
    }

    /// As published.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a template for the issuers of several tenants.
    #[must_use]
    pub(crate) fn is_of_several(&self) -> bool {
        PLACEHOLDERS.iter().any(|placeholder| self.0.contains(placeholder))
    }

    /// The issuer for one tenant.
    #[must_use]
    pub(crate) fn for_tenant(&self, tenant_id: &str) -> String {
        PLACEHOLDERS.iter().fold(self.0.clone(), |issuer, placeholder| issuer.replace(placeholder, tenant_id))
    }

    /// Whether a token of `tenant_id` that names `issuer` is this issuer's.
    #[must_use]
    pub(crate) fn admits(&self, issuer: &str, tenant_id: &str) -> bool {
        self.for_tenant(tenant_id) == issuer && self.names(tenant_id)
    }

    /// Whether the issuer for `tenant_id` has it among its path's segments.
    #[must_use]
    pub(crate) fn names(&self, tenant_id: &str) -> bool {
        self.for_tenant(tenant_id).split('/').any(|segment| segment == tenant_id)
    }
}

#[cfg(test)]
mod tests {
    use super::{IssuerTemplate, OpenIdConfiguration};

    const AUTHORITY: &str = "https://login.example";

    #[test]
    fn keys_come_from_the_authority_alone() {
        let document = |jwks_uri: &str| {
            let body = format!(r#"{{"issuer":"https://login.example/t/v2.0","jwks_uri":"{jwks_uri}"}}"#);
            OpenIdConfiguration::parse(body.as_bytes(), AUTHORITY).is_ok()
        };
        assert!(document("https://login.example/t/discovery/v2.0/keys"));
        for foreign in [
            "https://login.example.evil/keys",
            "https://login.example@evil/keys",
            "https://login.example:444/keys",
            "http://login.example/keys",
            "https://login.example",
            "/keys",
        ] {
            assert!(!document(foreign), "{foreign}");
        }
    }

    #[test]
    fn documents_without_the_members_are_refused() {
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"issuer":1,"jwks_uri":2}"#,
            r#"{"issuer":"","jwks_uri":"https://login.example/k"}"#,
        ] {
            assert!(OpenIdConfiguration::parse(body.as_bytes(), AUTHORITY).is_err(), "{body}");
        }
    }

    #[test]
    fn an_issuer_is_matched_whole_and_to_its_tenant() {
        let template = IssuerTemplate::new("https://login.example/{tenantid}/v2.0".to_owned());
        assert!(template.admits("https://login.example/tenant-a/v2.0", "tenant-a"));
        for (issuer, tenant) in [
            ("https://login.example/tenant-a/v2.0", "tenant-b"),
            ("https://login.example/tenant-a/v2.0/", "tenant-a"),
            ("https://login.example.evil/tenant-a/v2.0", "tenant-a"),
            ("https://LOGIN.example/tenant-a/v2.0", "tenant-a"),
            ("https://login.example/{tenantid}/v2.0", "tenant-a"),
        ] {
            assert!(!template.admits(issuer, tenant), "{issuer} {tenant}");
        }
        let single = IssuerTemplate::new("https://login.example/tenant-a/v2.0".to_owned());
        assert!(single.admits("https://login.example/tenant-a/v2.0", "tenant-a"));
        assert!(!single.admits("https://login.example/tenant-a/v2.0", "tenant-b"));
    }
}
