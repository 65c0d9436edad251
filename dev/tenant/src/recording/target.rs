//! The tenant that receives the scenarios' requests.

use std::collections::HashMap;

use crate::jwt::UnverifiedJwt;

/// A tenant. There is no `Debug`, since it has secrets and tokens.
pub struct TargetTenant {
    /// The login host, without a trailing slash.
    pub authority_url: String,
    /// Graph's host, without a trailing slash.
    pub graph_url: String,
    /// The directory id.
    pub tenant_id: String,
    /// A domain of the directory.
    pub domain: String,
    /// The API's registration.
    pub registration: Option<TargetApi>,
    /// The vault.
    pub vault: Option<TargetVault>,
    /// Access tokens for the API, by their person's role.
    pub people: HashMap<Role, String>,
}

/// The API's registration.
pub struct TargetApi {
    /// The client id.
    pub client_id: String,
    /// Its secret.
    pub secret: Option<String>,
    /// A secret of it that has expired.
    pub expired_secret: Option<String>,
}

/// A vault, and the names of secrets in it.
pub struct TargetVault {
    /// Its address, without a trailing slash.
    pub url: String,
    /// The client that may read it, with its secret.
    pub reader: Option<(String, String)>,
    /// A secret that can be read.
    pub secret: Option<String>,
    /// A secret that is disabled.
    pub disabled: Option<String>,
    /// A certificate in PKCS #12, the vault's default.
    pub certificate: Option<String>,
}

/// The role of a person in the scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Someone for whom everything works, with a photo.
    Ordinary,
    /// Someone for whom everything works, without a photo.
    WithoutPhoto,
    /// Someone whose token has expired.
    Expired,
    /// Someone with a personal Microsoft account who has not consented.
    Personal,
    /// Someone whom a Conditional Access policy blocks from Graph.
    Blocked,
    /// Someone from whom a policy requires a second factor for Graph.
    SecondFactor,
    /// Someone whose sessions are revoked while this runs.
    SignedOut,
    /// Someone whom a location policy with continuous access evaluation covers, and who is elsewhere.
    Elsewhere,
    /// Someone whom Graph happens to throttle.
    Throttled,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ordinary,
        Self::WithoutPhoto,
        Self::Expired,
        Self::Personal,
        Self::Blocked,
        Self::SecondFactor,
        Self::SignedOut,
        Self::Elsewhere,
        Self::Throttled,
    ];

    /// What `record.toml` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::WithoutPhoto => "without_photo",
            Self::Expired => "expired",
            Self::Personal => "personal",
            Self::Blocked => "blocked",
            Self::SecondFactor => "second_factor",
            Self::SignedOut => "signed_out",
            Self::Elsewhere => "elsewhere",
            Self::Throttled => "throttled",
        }
    }
}

impl TargetTenant {
    /// A string claim of a person's token, which was not verified.
    pub(super) fn unverified_claim(token: &str, name: &str) -> Option<String> {
        UnverifiedJwt::parse(token)?.claim(name).map(ToOwned::to_owned)
    }

    /// Everything secret that is known of it: secrets and tokens.
    pub fn secrets(&self) -> Vec<String> {
        let registration = self.registration.iter();
        let secrets = registration.flat_map(|known| [known.secret.clone(), known.expired_secret.clone()]).flatten();
        let reader = self.vault.iter().filter_map(|vault| vault.reader.as_ref().map(|reader| reader.1.clone()));
        secrets.chain(reader).chain(self.people.values().cloned()).collect()
    }
}

/// What scenarios need; the errors name what is missing.
impl TargetTenant {
    pub(super) fn known_registration(&self) -> Result<&TargetApi, String> {
        self.registration.as_ref().ok_or_else(|| "the API's registration".to_owned())
    }

    /// The client id and secret of the API.
    pub(super) fn known_credential(&self) -> Result<(&str, &str), String> {
        let known = self.known_registration()?;
        let secret = known.secret.as_deref().ok_or("the secret of the API's registration")?;
        Ok((&known.client_id, secret))
    }

    pub(super) fn known_vault(&self) -> Result<&TargetVault, String> {
        self.vault.as_ref().ok_or_else(|| "a vault".to_owned())
    }

    /// The token of the person who is this.
    pub(super) fn person(&self, role: Role) -> Result<&str, String> {
        self.people.get(&role).map(String::as_str).ok_or_else(|| format!("a person who is `{}`", role.name()))
    }
}
