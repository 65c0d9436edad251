//! The APIs that this one calls for its callers.

use std::sync::Arc;

/// A downstream API: where it is, and what is requested of Entra for it. Tokens are remembered for both.
///
/// ```
/// use entra_obo::Downstream;
///
/// let scopes = "https://graph.microsoft.com/User.Read https://graph.microsoft.com/Mail.Read";
/// let graph = Downstream::new("https://graph.microsoft.com", scopes);
/// assert_eq!(graph.scopes().split(' ').count(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Downstream {
    base_url: Arc<str>,
    scopes: Arc<str>,
}

impl Downstream {
    /// The API at `base_url`, for which these scopes are requested: separated by spaces, each with the API's identifier
    /// before it (`https://graph.microsoft.com/User.Read`, `api://<client id>/.default`). Entra takes a scope without
    /// one for a permission of Graph. <https://learn.microsoft.com/entra/identity-platform/scopes-oidc>
    #[must_use]
    pub fn new(base_url: &str, scopes: &str) -> Self {
        Self { base_url: base_url.into(), scopes: scopes.into() }
    }

    /// The same API with everything that is assigned to this application (`.default`), as the client credentials grant
    /// requires. `None` if the scopes do not name their API.
    ///
    /// ```
    /// use entra_obo::Downstream;
    ///
    /// let orders = Downstream::new("https://orders.contoso.com", "api://orders/Orders.Read");
    /// assert_eq!(orders.of_application().unwrap().scopes(), "api://orders/.default");
    /// assert_eq!(Downstream::new("https://graph.microsoft.com", "User.Read").of_application(), None);
    /// ```
    #[must_use]
    pub fn of_application(&self) -> Option<Self> {
        let (resource, _) = self.scopes.split(' ').next()?.rsplit_once('/')?;
        Some(Self { base_url: Arc::clone(&self.base_url), scopes: format!("{resource}/.default").into() })
    }

    /// Where it is: `scheme://host[:port]`, and a path if it has one.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The scopes, separated by spaces.
    #[must_use]
    pub fn scopes(&self) -> &str {
        &self.scopes
    }
}
