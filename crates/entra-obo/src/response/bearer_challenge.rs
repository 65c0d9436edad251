//! The challenge that a refused caller receives in `WWW-Authenticate` (RFC 6750 section 3).

use http::HeaderValue;
use uuid::Uuid;

use crate::policy::{Policy, Tenancy};

/// A Bearer challenge under construction.
#[derive(Debug)]
pub struct BearerChallenge(String);

impl BearerChallenge {
    /// The challenge of a caller whose directory is not known.
    #[must_use]
    pub fn of_home(policy: &Policy) -> Self {
        match &policy.tenancy {
            Tenancy::Single(tenant_id) => Self::of_directory(policy, *tenant_id),
            // Microsoft's rule: the realm is empty where the address is a common one.
            Tenancy::Several { authority, .. } => Self::new("", &authorization_uri(policy, authority)),
        }
    }

    /// The challenge of a caller of this directory.
    #[must_use]
    pub fn of_directory(policy: &Policy, tenant_id: Uuid) -> Self {
        let tenant = tenant_id.to_string();
        Self::new(&tenant, &authorization_uri(policy, &tenant))
    }

    /// A challenge of `realm` that names where to sign in. MSAL's clients read both.
    fn new(realm: &str, authorization_uri: &str) -> Self {
        Self("Bearer".to_owned()).first("realm", realm).with("authorization_uri", authorization_uri)
    }

    /// Adds a parameter. Characters that would end the quoted string, and all that is not printable ASCII, are left out;
    /// nothing that a caller or an upstream wrote is ever put here unchanged.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push(',');
        self.first(name, value)
    }

    /// The header's value.
    #[must_use]
    pub fn into_value(self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.0).ok()
    }

    fn first(mut self, name: &str, value: &str) -> Self {
        let quotable = value.chars().filter(|character| matches!(character, ' ' | '!' | '#'..='[' | ']'..='~'));
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.0.extend(quotable);
        self.0.push('"');
        self
    }
}

fn authorization_uri(policy: &Policy, tenant: &str) -> String {
    format!("{}/{tenant}/oauth2/authorize", policy.authority_host)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use http::{HeaderMap, header::WWW_AUTHENTICATE};

    use super::BearerChallenge;
    use crate::{claims_challenge::ClaimsChallenge, www_authenticate};

    #[test]
    fn a_challenge_is_read_back_as_written_and_no_value_can_split_it() {
        let claims = ClaimsChallenge::parse(r#"{"access_token":{"nbf":{"essential":true,"value":"1752041837"}}}"#);
        let challenge = BearerChallenge::new("tenant", "https://login.example/authorize");
        let value = challenge.with("claims", &STANDARD.encode(claims.as_ref().unwrap().as_str())).into_value().unwrap();
        assert_eq!(www_authenticate::claims_challenge(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)])), claims);
        let hostile = BearerChallenge::new("a\"b\r\nc\\", "u").into_value().unwrap();
        assert_eq!(hostile, r#"Bearer realm="abc", authorization_uri="u""#);
    }
}
