//! Changes of an app registration, checked as Graph checks them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use super::super::error::GraphError;
use crate::{
    directory::{
        Directory,
        app_registration::AppRegistration,
        certificate::RegisteredCertificate,
        credentials::KeyCredential,
        manifest::{
            Manifest, OptionalClaims, PermissionScope, PreAuthorizedApplication, RequiredResourceAccess, SignInAudience,
        },
        redirect_uri::RedirectUri,
    },
    random,
};

/// Members of Graph's applications that the emulated Graph does not have.
const UNSUPPORTED: [&str; 15] = [
    "addIns",
    "appRoles",
    "applicationTemplateId",
    "certification",
    "defaultRedirectUri",
    "groupMembershipClaims",
    "info",
    "isDeviceOnlyAuthSupported",
    "isFallbackPublicClient",
    "parentalControlSettings",
    "publicClient",
    "samlMetadataUrl",
    "serviceManagementReference",
    "tokenEncryptionKeyId",
    "verifiedPublisher",
];

/// Members that Graph sets.
const READ_ONLY: [&str; 5] = ["appId", "createdDateTime", "deletedDateTime", "id", "publisherDomain"];

/// The body of a request. What is absent stays as it is; lists are replaced as a whole.
#[derive(Default, Deserialize)]
#[serde(try_from = "serde_json::Map<String, Value>")]
pub(super) struct Changes(Members);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Members {
    unique_name: Option<String>,
    display_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    description: Option<Option<String>>,
    #[serde(deserialize_with = "nullable")]
    notes: Option<Option<String>>,
    sign_in_audience: Option<SignInAudience>,
    identifier_uris: Option<Vec<String>>,
    api: Option<ApiChanges>,
    web: Option<WebChanges>,
    spa: Option<SinglePageChanges>,
    required_resource_access: Option<Vec<RequiredResourceAccess>>,
    optional_claims: Option<OptionalClaims>,
    tags: Option<Vec<String>>,
    key_credentials: Option<Vec<NewKeyCredential>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct ApiChanges {
    known_client_applications: Option<Vec<String>>,
    oauth2_permission_scopes: Option<Vec<PermissionScope>>,
    pre_authorized_applications: Option<Vec<PreAuthorizedApplication>>,
    #[serde(deserialize_with = "nullable")]
    requested_access_token_version: Option<Option<u8>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct WebChanges {
    #[serde(deserialize_with = "nullable")]
    home_page_url: Option<Option<String>>,
    #[serde(deserialize_with = "nullable")]
    logout_url: Option<Option<String>>,
    redirect_uris: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SinglePageChanges {
    redirect_uris: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct NewKeyCredential {
    key_id: Option<String>,
    display_name: Option<String>,
    r#type: Option<String>,
    usage: Option<String>,
    /// DER in base64; absent for a credential that stays.
    key: Option<String>,
    // Graph derives these from the certificate.
    #[serde(rename = "customKeyIdentifier")]
    _custom_key_identifier: Option<String>,
    #[serde(rename = "startDateTime")]
    _start: Option<String>,
    #[serde(rename = "endDateTime")]
    _end: Option<String>,
}

/// Tells `null` from an absent member.
fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

impl TryFrom<serde_json::Map<String, Value>> for Changes {
    type Error = String;

    fn try_from(body: serde_json::Map<String, Value>) -> Result<Self, String> {
        for name in body.keys().map(String::as_str) {
            if READ_ONLY.contains(&name) {
                return Err(format!("the property '{name}' is read-only"));
            }
            if UNSUPPORTED.contains(&name) {
                return Err(format!("the emulated Graph does not support the property '{name}'"));
            }
            if name == "passwordCredentials" {
                return Err("secrets are made by addPassword and removed by removePassword".to_owned());
            }
        }
        serde_json::from_value(Value::Object(body)).map(Self).map_err(|error| error.to_string())
    }
}

impl Changes {
    /// The manifest and the certificates after these changes. `current` is the manifest before them.
    pub(super) fn apply(
        self,
        directory: &Directory,
        client_id: &str,
        current: &Manifest,
        certificates: &[KeyCredential],
    ) -> Result<(Manifest, Vec<KeyCredential>), GraphError> {
        let Members { unique_name, display_name, api, web, spa, .. } = self.0;
        let mut manifest = current.clone();
        match (&current.unique_name, unique_name) {
            (_, None) => {}
            (Some(own), Some(name)) if *own == name => {}
            (Some(_), Some(_)) => return Err(GraphError::bad_request("The property 'uniqueName' cannot be changed.")),
            (None, Some(name)) => {
                check_unique_name(directory, client_id, &name)?;
                manifest.unique_name = Some(name);
            }
        }
        if let Some(name) = display_name {
            if !(1..=256).contains(&name.chars().count()) {
                return Err(GraphError::bad_request("The property 'displayName' must have 1 to 256 characters."));
            }
            manifest.display_name = name;
        }
        set(&mut manifest.description, self.0.description);
        set(&mut manifest.notes, self.0.notes);
        set(&mut manifest.sign_in_audience, self.0.sign_in_audience);
        set(&mut manifest.tags, self.0.tags);
        set(&mut manifest.optional_claims, self.0.optional_claims);
        if let Some(uris) = self.0.identifier_uris {
            check_identifier_uris(directory, client_id, &uris)?;
            manifest.identifier_uris = uris;
        }
        if let Some(access) = self.0.required_resource_access {
            let ids =
                access.iter().flat_map(|it| it.resource_access.iter().map(|it| &it.id).chain([&it.resource_app_id]));
            check_guids("requiredResourceAccess", ids)?;
            manifest.required_resource_access = access;
        }
        if let Some(api) = api {
            api.apply(current, &mut manifest)?;
        }
        let web = web.unwrap_or_default();
        set(&mut manifest.web.home_page_url, web.home_page_url);
        set(&mut manifest.web.logout_url, web.logout_url);
        set_redirect_uris(&mut manifest.web.redirect_uris, web.redirect_uris)?;
        set_redirect_uris(&mut manifest.spa.redirect_uris, spa.unwrap_or_default().redirect_uris)?;
        let certificates = match self.0.key_credentials {
            Some(wanted) => wanted.into_iter().map(|it| it.registered(certificates)).collect::<Result<_, _>>()?,
            None => certificates.iter().map(copy).collect(),
        };
        Ok((manifest, certificates))
    }
}

fn set<T>(property: &mut T, change: Option<T>) {
    if let Some(value) = change {
        *property = value;
    }
}

fn set_redirect_uris(property: &mut Vec<String>, change: Option<Vec<String>>) -> Result<(), GraphError> {
    for uri in change.iter().flatten() {
        RedirectUri::parse(uri)
            .map_err(|error| GraphError::bad_request(format!("Invalid redirect URI: {error:#}.")))?;
    }
    set(property, change);
    Ok(())
}

impl ApiChanges {
    fn apply(self, current: &Manifest, manifest: &mut Manifest) -> Result<(), GraphError> {
        let api = &mut manifest.api;
        if let Some(version) = self.requested_access_token_version {
            if !matches!(version, None | Some(1 | 2)) {
                return Err(GraphError::invalid_value("requestedAccessTokenVersion must be 1, 2 or null."));
            }
            api.requested_access_token_version = version;
        }
        if let Some(clients) = self.known_client_applications {
            check_guids("api.knownClientApplications", &clients)?;
            api.known_client_applications = clients;
        }
        if let Some(scopes) = self.oauth2_permission_scopes {
            check_scopes(&current.api.oauth2_permission_scopes, &scopes)?;
            api.oauth2_permission_scopes = scopes;
        }
        if let Some(clients) = self.pre_authorized_applications {
            check_guids("api.preAuthorizedApplications", clients.iter().map(|client| &client.app_id))?;
            // Not those of the same request: Graph looks at what is stored.
            let is_known = |id: &String| current.api.oauth2_permission_scopes.iter().any(|scope| scope.id == *id);
            if !clients.iter().flat_map(|client| &client.delegated_permission_ids).all(is_known) {
                return Err(GraphError::invalid_value(
                    "api.preAuthorizedApplications has the id of a permission that the application does not have.",
                ));
            }
            api.pre_authorized_applications = clients;
        }
        Ok(())
    }
}

fn check_scopes(current: &[PermissionScope], scopes: &[PermissionScope]) -> Result<(), GraphError> {
    check_guids("api.oauth2PermissionScopes", scopes.iter().map(|scope| &scope.id))?;
    for (index, scope) in scopes.iter().enumerate() {
        let others = || scopes.iter().take(index);
        let is_well_formed = (1..=120).contains(&scope.value.len())
            && scope.value.chars().all(|c| c.is_ascii_graphic() && !"\"<>\\".contains(c))
            && !scope.value.starts_with('.');
        if !is_well_formed {
            return Err(GraphError::invalid_value("The value of a permission must have 1 to 120 visible characters."));
        }
        if others().any(|other| other.id == scope.id || other.value == scope.value) {
            return Err(GraphError::invalid_value("Two permissions have the same id or value."));
        }
        let texts = [&scope.admin_consent_display_name, &scope.admin_consent_description];
        if texts.iter().any(|text| text.as_deref().is_none_or(str::is_empty)) {
            return Err(GraphError::invalid_value(
                "A permission needs the texts 'adminConsentDisplayName' and 'adminConsentDescription'.",
            ));
        }
    }
    let stays = |old: &&PermissionScope| scopes.iter().any(|new| new.id == old.id && new.value == old.value);
    match current.iter().filter(|scope| scope.is_enabled).all(|scope| stays(&scope)) {
        true => Ok(()),
        false => Err(GraphError::new(
            http::StatusCode::BAD_REQUEST,
            "CannotDeleteOrUpdateEnabledEntitlement",
            "A permission must be disabled before it can be deleted or get another value.",
        )),
    }
}

fn check_guids<'a>(property: &str, ids: impl IntoIterator<Item = &'a String>) -> Result<(), GraphError> {
    match ids.into_iter().find(|id| Uuid::parse_str(id).is_err()) {
        Some(id) => Err(GraphError::bad_request(format!("'{id}' in '{property}' is not a GUID."))),
        None => Ok(()),
    }
}

/// <https://learn.microsoft.com/entra/identity-platform/identifier-uri-formats>
fn check_identifier_uris(directory: &Directory, client_id: &str, uris: &[String]) -> Result<(), GraphError> {
    for uri in uris {
        let host = ["api://", "https://"].iter().find_map(|scheme| uri.strip_prefix(scheme));
        let mut parts = host.unwrap_or_default().split('/');
        let first = parts.next().unwrap_or_default();
        let is_own = [client_id, &directory.tenant_id].contains(&first)
            || parts.next() == Some(client_id)
            || first == directory.domain
            || first.ends_with(&format!(".{}", directory.domain));
        if !is_own || uri.ends_with('/') {
            return Err(GraphError::new(
                http::StatusCode::BAD_REQUEST,
                "HostNameNotOnVerifiedDomain",
                format!(
                    "'{uri}' must have the application's id, the tenant's id or a verified domain as in \
                     api://{client_id}, and no slash at its end."
                ),
            ));
        }
        check_unique(directory, client_id, "identifierUris", |other| other.identifier_uris.contains(uri))?;
    }
    Ok(())
}

/// Deleted applications keep their names, which blocks them for others.
pub(super) fn check_unique_name(directory: &Directory, client_id: &str, name: &str) -> Result<(), GraphError> {
    if directory.applications.is_deleted_name(name) {
        return Err(GraphError::object_conflict("uniqueName"));
    }
    check_unique(directory, client_id, "uniqueName", |it| it.unique_name.as_deref() == Some(name))
}

/// No other application has the value.
fn check_unique(
    directory: &Directory,
    client_id: &str,
    property: &'static str,
    has_value: impl Fn(&Manifest) -> bool,
) -> Result<(), GraphError> {
    let is_other = |it: &AppRegistration| it.client_id != client_id && has_value(&it.manifest());
    match directory.applications.find(is_other) {
        Some(_) => Err(GraphError::object_conflict(property)),
        None => Ok(()),
    }
}

impl NewKeyCredential {
    fn registered(self, current: &[KeyCredential]) -> Result<KeyCredential, GraphError> {
        let known = current.iter().find(|it| Some(&it.key_id) == self.key_id.as_ref());
        let Some(key) = self.key else {
            return known.map(copy).ok_or_else(|| GraphError::invalid_value("A new key credential needs its 'key'."));
        };
        if self.r#type.as_deref() != Some("AsymmetricX509Cert") || self.usage.as_deref() != Some("Verify") {
            return Err(GraphError::invalid_value(
                "The 'type' of a key credential must be AsymmetricX509Cert, its 'usage' Verify.",
            ));
        }
        let der = STANDARD.decode(key).ok();
        let certificate = der.and_then(|der| RegisteredCertificate::from_der(&der).ok());
        let certificate = certificate
            .ok_or_else(|| GraphError::invalid_value("The 'key' must be a certificate in DER as base64, with RSA."))?;
        let key_id = self.key_id.unwrap_or_else(random::guid);
        Ok(KeyCredential { key_id, display_name: self.display_name, certificate })
    }
}

fn copy(credential: &KeyCredential) -> KeyCredential {
    KeyCredential {
        key_id: credential.key_id.clone(),
        display_name: credential.display_name.clone(),
        certificate: credential.certificate.clone(),
    }
}
