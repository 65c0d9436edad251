//! The app registrations of the directory: Microsoft's, the built-in ones, and those registered later.

use std::sync::Arc;

use parking_lot::RwLock;

use super::{
    app_registration::{AppRegistration, Origin, Platform},
    lag::Lag,
    manifest::{
        Api, AppRole, ConsentType, Manifest, OptionalClaim, OptionalClaims, PermissionScope, PreAuthorizedApplication,
        RequiredResourceAccess, ResourceAccess, ResourceAccessType, SignInAudience,
    },
    well_known::{AZURE_CLI_CLIENT_ID, GRAPH, GRAPH_CLIENT_ID, KEY_VAULT, KEY_VAULT_CLIENT_ID},
};
use crate::random;

/// Graph's delegated permissions that are emulated: their ids, names, who can consent, and what users are told.
const GRAPH_SCOPES: [(&str, &str, ConsentType, &str); 16] = [
    ("e1fe6dd8-ba31-4d61-89e7-88639da4683d", "User.Read", ConsentType::User, "Read your profile"),
    ("37f7f235-527c-4136-accd-4a02d197296e", "openid", ConsentType::User, "Sign you in"),
    ("14dad69e-099b-42c9-810b-d002981feec1", "profile", ConsentType::User, "View your basic profile"),
    ("64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0", "email", ConsentType::User, "View your email address"),
    ("7427e0e9-2fba-42fe-b0c0-848c9e6a8182", "offline_access", ConsentType::User, "Keep access to your data"),
    ("465a38f9-76ea-45b9-9f34-9e8b0d4b0b42", "Calendars.Read", ConsentType::User, "Read your calendars"),
    ("10465720-29dd-4523-a11a-6a75c743c9d9", "Files.Read", ConsentType::User, "Read your files"),
    ("570282fd-fa5c-430d-a7fd-fc8dc98a9dca", "Mail.Read", ConsentType::User, "Read your mail"),
    ("a154be20-db9c-4678-8ab7-66f6cc099a59", "User.Read.All", ConsentType::Admin, "Read everybody's full profile"),
    ("b340eb25-3456-403f-be2f-af7a0d370277", "User.ReadBasic.All", ConsentType::User, "Read everybody's basic profile"),
    ("b4e74841-8e56-480b-be8b-910348b18b4c", "User.ReadWrite", ConsentType::User, "Read and change your profile"),
    ("c79f8feb-a9db-4090-85f9-90d820caa0eb", "Application.Read.All", ConsentType::Admin, "Read applications"),
    ("bdfbf15f-ee85-4955-8675-146e8e5296b5", "Application.ReadWrite.All", ConsentType::Admin, "Change applications"),
    ("0e263e50-5827-48a4-b97c-d940288653c7", "Directory.AccessAsUser.All", ConsentType::Admin, "Access the directory"),
    ("06da0dbc-49e2-44d2-8312-53f166ab848a", "Directory.Read.All", ConsentType::Admin, "Read the directory"),
    (
        "41ce6ca6-6826-4807-84f1-1c82854f7ee5",
        "DelegatedPermissionGrant.ReadWrite.All",
        ConsentType::Admin,
        "Manage consents",
    ),
];

/// Graph's application permissions that are emulated: their ids and names.
const GRAPH_ROLES: [(&str, &str); 1] = [("df021288-bdef-4463-88db-98f22de89214", "User.Read.All")];

/// The id of Key Vault's delegated permission.
const KEY_VAULT_SCOPE: &str = "f53da476-18e3-4152-8e01-aec403e6edc0";

/// The registrations, in order of creation.
#[derive(Default)]
pub(crate) struct Applications {
    all: RwLock<Vec<Arc<AppRegistration>>>,
    /// Those that were deleted. They keep their unique names until they are deleted permanently.
    deleted: RwLock<Vec<Arc<AppRegistration>>>,
}

impl Applications {
    pub(crate) fn add(&self, application: AppRegistration) -> Arc<AppRegistration> {
        let application = Arc::new(application);
        self.all.write().push(Arc::clone(&application));
        application
    }

    pub(crate) fn all(&self) -> Vec<Arc<AppRegistration>> {
        self.all.read().clone()
    }

    /// The first one for which `is_wanted` holds.
    pub(crate) fn find(&self, is_wanted: impl Fn(&AppRegistration) -> bool) -> Option<Arc<AppRegistration>> {
        self.all.read().iter().find(|application| is_wanted(application)).cloned()
    }

    /// The one with this client id.
    pub(crate) fn by_client_id(&self, client_id: &str) -> Option<Arc<AppRegistration>> {
        self.find(|application| application.client_id.eq_ignore_ascii_case(client_id))
    }

    /// Deletes the one with this object id.
    pub(crate) fn delete(&self, object_id: &str) {
        let has_id = |application: &mut Arc<AppRegistration>| application.object_id == object_id;
        let removed: Vec<_> = self.all.write().extract_if(.., has_id).collect();
        self.deleted.write().extend(removed);
    }

    /// What was deleted and can be restored.
    pub(crate) fn deleted(&self) -> Vec<Arc<AppRegistration>> {
        self.deleted.read().clone()
    }

    /// Whether a deleted one has this unique name.
    pub(crate) fn is_deleted_name(&self, unique_name: &str) -> bool {
        self.deleted.read().iter().any(|it| it.manifest().unique_name.as_deref() == Some(unique_name))
    }

    /// Restores what was deleted before.
    pub(crate) fn restore(&self, object_id: &str) -> Option<Arc<AppRegistration>> {
        let restored = self.take_deleted(object_id)?;
        self.all.write().push(Arc::clone(&restored));
        Some(restored)
    }

    /// Deletes permanently what was deleted before; `false` when there is no such object.
    pub(crate) fn purge(&self, object_id: &str) -> bool {
        self.take_deleted(object_id).is_some()
    }

    fn take_deleted(&self, object_id: &str) -> Option<Arc<AppRegistration>> {
        let mut deleted = self.deleted.write();
        let index = deleted.iter().position(|application| application.object_id == object_id)?;
        Some(deleted.remove(index))
    }
}

/// Microsoft's applications that the emulator plays, and the built-in ones.
pub(super) struct BuiltIn {
    pub(super) graph: Arc<AppRegistration>,
    pub(super) azure_cli: Arc<AppRegistration>,
    pub(super) api: Arc<AppRegistration>,
    pub(super) vault_reader: Arc<AppRegistration>,
    pub(super) web_client: Arc<AppRegistration>,
    pub(super) spa_client: Arc<AppRegistration>,
}

impl BuiltIn {
    /// Adds them to `applications`.
    pub(super) fn register(applications: &Applications) -> Self {
        let graph_scopes = GRAPH_SCOPES.map(|(id, value, r#type, words)| scope(id, value, r#type, words));
        let graph = microsofts("Microsoft Graph", GRAPH_CLIENT_ID, Some(GRAPH), graph_scopes.to_vec())
            .with_roles(GRAPH_ROLES.map(|(id, value)| AppRole { id: id.to_owned(), value: value.to_owned() }).to_vec());
        let vault_scope = scope(KEY_VAULT_SCOPE, "user_impersonation", ConsentType::User, "Use your key vaults");
        let vault = microsofts("Azure Key Vault", KEY_VAULT_CLIENT_ID, Some(KEY_VAULT), vec![vault_scope]);
        applications.add(vault);
        let (web_client_id, spa_client_id, api_client_id) = (random::guid(), random::guid(), random::guid());
        let api_scope = scope(
            &random::guid(),
            "user_impersonation",
            ConsentType::User,
            "Use the API \u{201c}profile-get\u{201d} as you",
        );
        let clients = || [web_client_id.clone(), spa_client_id.clone()];
        let user_read = required(GRAPH_CLIENT_ID, [GRAPH_SCOPES[0].0.to_owned()]);
        let claim = |name: &str| OptionalClaim {
            name: name.to_owned(),
            source: None,
            essential: false,
            additional_properties: Vec::new(),
        };
        let api = Manifest {
            identifier_uris: vec![format!("api://{api_client_id}")],
            api: Api {
                known_client_applications: clients().to_vec(),
                pre_authorized_applications: clients()
                    .map(|app_id| PreAuthorizedApplication {
                        app_id,
                        delegated_permission_ids: vec![api_scope.id.clone()],
                    })
                    .to_vec(),
                requested_access_token_version: Some(2),
                oauth2_permission_scopes: vec![api_scope.clone()],
            },
            required_resource_access: vec![user_read.clone()],
            optional_claims: OptionalClaims { access_token: vec![claim("xms_cc")], ..OptionalClaims::default() },
            ..manifest("profile-get")
        };
        let client = |name: &str| Manifest {
            required_resource_access: vec![user_read.clone(), required(&api_client_id, [api_scope.id.clone()])],
            ..manifest(name)
        };
        let built_in = |client_id: String, platform: Platform, manifest: Manifest| {
            let application = AppRegistration::new(client_id, Origin::BuiltIn(platform), manifest, Lag::new(0));
            application.set_secret(random::client_secret());
            applications.add(application)
        };
        Self {
            graph: applications.add(graph),
            azure_cli: applications.add(microsofts("Microsoft Azure CLI", AZURE_CLI_CLIENT_ID, None, Vec::new())),
            api: built_in(api_client_id.clone(), Platform::Web, api),
            vault_reader: built_in(random::guid(), Platform::Web, manifest("vault-reader")),
            web_client: built_in(web_client_id.clone(), Platform::Web, client("Profile web application")),
            spa_client: built_in(
                spa_client_id.clone(),
                Platform::SinglePage,
                client("Profile single-page application"),
            ),
        }
    }
}

fn microsofts(name: &str, client_id: &str, id_uri: Option<&str>, scopes: Vec<PermissionScope>) -> AppRegistration {
    let manifest = Manifest {
        identifier_uris: id_uri.map(ToOwned::to_owned).into_iter().collect(),
        api: Api { oauth2_permission_scopes: scopes, ..Api::default() },
        ..manifest(name)
    };
    AppRegistration::new(client_id.to_owned(), Origin::Microsoft, manifest, Lag::new(0))
}

fn manifest(display_name: &str) -> Manifest {
    Manifest {
        display_name: display_name.to_owned(),
        sign_in_audience: SignInAudience::AndPersonalMicrosoftAccount,
        ..Manifest::default()
    }
}

/// An enabled scope, with the same words for users and administrators.
pub(super) fn scope(id: &str, value: &str, r#type: ConsentType, words: &str) -> PermissionScope {
    let words = || Some(words.to_owned());
    PermissionScope {
        id: id.to_owned(),
        value: value.to_owned(),
        admin_consent_description: words(),
        admin_consent_display_name: words(),
        is_enabled: true,
        r#type,
        user_consent_description: words(),
        user_consent_display_name: words(),
    }
}

/// The delegated permissions of a resource with these ids.
pub(super) fn required(resource_app_id: &str, scope_ids: impl IntoIterator<Item = String>) -> RequiredResourceAccess {
    let access = |id| ResourceAccess { id, r#type: ResourceAccessType::Scope };
    RequiredResourceAccess {
        resource_app_id: resource_app_id.to_owned(),
        resource_access: scope_ids.into_iter().map(access).collect(),
    }
}
