//! Who may call, and by which registration at Entra.

use uuid::Uuid;

/// Microsoft Entra ID for all clouds but those of the US government and of China.
pub const GLOBAL_AUTHORITY: &str = "https://login.microsoftonline.com";

/// Who may call a protected web API, and how Entra knows that API.
///
/// [`Policy::new`] has the required values; set further fields afterwards.
///
/// All values come from the API's app registration and are expected to be well-formed; [`crate::settings`] reads them from
/// text and checks them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// `scheme://host[:port]` of Entra, without a slash at the end.
    pub authority_host: String,
    /// The directories whose users may call.
    pub tenancy: Tenancy,
    /// The API's own application (client) id.
    pub client_id: Uuid,
    /// The Application ID URIs of the registration, except `api://` and the client id.
    pub application_id_uris: Vec<String>,
    /// The scopes of which a token must have one, without a prefix.
    pub required_scopes: Vec<String>,
    /// The applications that may call; empty means any.
    pub allowed_clients: Vec<Uuid>,
    /// Addresses of downstream APIs, without a slash at the end. A token for one of them is refused with words that say
    /// so.
    pub downstream_audiences: Vec<String>,
}

impl Policy {
    /// Admits the bearers of tokens that `tenancy` issues for the application `client_id` with one of `required_scopes`,
    /// through any client, in Microsoft's global cloud.
    #[must_use]
    pub fn new(tenancy: Tenancy, client_id: Uuid, required_scopes: Vec<String>) -> Self {
        Self {
            authority_host: GLOBAL_AUTHORITY.to_owned(),
            tenancy,
            client_id,
            application_id_uris: Vec::new(),
            required_scopes,
            allowed_clients: Vec::new(),
            downstream_audiences: Vec::new(),
        }
    }

    /// Whether keys and tokens that were fetched under the other policy are the same under this one.
    pub(crate) fn is_of_same_registration(&self, other: &Self) -> bool {
        self.authority_host == other.authority_host
            && self.tenancy == other.tenancy
            && self.client_id == other.client_id
    }

    /// The required scopes in the form in which clients request them. Entra takes a bare name for a permission of
    /// Microsoft Graph.
    #[must_use]
    pub fn scopes_to_request(&self) -> String {
        let own = format!("api://{}", self.client_id);
        let uri = self.application_id_uris.first().unwrap_or(&own);
        self.required_scopes.iter().map(|scope| format!("{uri}/{scope}")).collect::<Vec<_>>().join(" ")
    }
}

/// Whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tenancy {
    /// One directory's.
    Single(Uuid),
    /// Those of a list of directories, whose people sign in through `organizations` or `common`.
    Several {
        /// The word that Entra's addresses have in place of a directory: `organizations` or `common`.
        authority: &'static str,
        /// The directories.
        allowed: Vec<Uuid>,
    },
}

impl Tenancy {
    /// The path segment under which Entra publishes the metadata that tokens are checked against.
    #[must_use]
    pub fn authority_segment(&self) -> String {
        match self {
            Self::Single(tenant) => tenant.to_string(),
            Self::Several { authority, .. } => (*authority).to_owned(),
        }
    }

    /// Whether people of `tenant` may call.
    #[must_use]
    pub fn admits(&self, tenant: Uuid) -> bool {
        match self {
            Self::Single(only) => *only == tenant,
            Self::Several { allowed, .. } => allowed.contains(&tenant),
        }
    }
}
