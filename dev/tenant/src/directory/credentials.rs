//! The credentials of an app registration: secrets, certificates, and trust in tokens of other issuers.

use serde::{Deserialize, Serialize};

use super::{certificate::RegisteredCertificate, lag::Lag};
use crate::{random, time};

/// Two years, Entra's default for secrets.
pub(crate) const SECRET_LIFETIME: i64 = 2 * 365 * 24 * 3600;

/// A client secret.
pub(crate) struct ClientSecret {
    pub(crate) key_id: String,
    pub(crate) value: String,
    pub(crate) display_name: Option<String>,
    /// Seconds since the Unix epoch.
    pub(crate) starts: i64,
    /// Seconds since the Unix epoch.
    pub(crate) expires: i64,
    pub(crate) lag: Lag,
}

impl ClientSecret {
    /// A secret that is valid from now on for two years.
    pub(crate) fn new(value: String, lag: Lag) -> Self {
        let starts = time::now();
        Self { key_id: random::guid(), value, display_name: None, starts, expires: starts + SECRET_LIFETIME, lag }
    }

    pub(crate) fn has_expired(&self) -> bool {
        self.expires <= time::now()
    }
}

/// How a secret in a request compares with the registered ones.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SecretCheck {
    Right,
    Wrong,
    Expired,
}

/// A registered certificate, with what Graph shows of it.
pub(crate) struct KeyCredential {
    pub(crate) key_id: String,
    pub(crate) display_name: Option<String>,
    pub(crate) certificate: RegisteredCertificate,
}

/// Trust in tokens of another issuer:
/// <https://learn.microsoft.com/graph/api/resources/federatedidentitycredential>.
pub(crate) struct FederatedCredential {
    pub(crate) id: String,
    pub(crate) trust: Trust,
    pub(crate) lag: Lag,
}

/// Which tokens are trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trust {
    /// Unique for the application; it never changes.
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// Always one.
    pub(crate) audiences: Vec<String>,
}

/// Why no federated credential matches a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoTrust {
    NoCredentials,
    Issuer,
    Subject,
    /// The subject would match in another letter case.
    SubjectCase,
    Audience,
}

/// Finds out whether one of `credentials` trusts a token.
pub(crate) fn find_trust(
    credentials: &[FederatedCredential],
    issuer: &str,
    subject: &str,
    audience: &str,
) -> Result<(), NoTrust> {
    let visible: Vec<&Trust> = credentials.iter().filter(|one| one.lag.has_passed()).map(|one| &one.trust).collect();
    if visible.is_empty() {
        return Err(NoTrust::NoCredentials);
    }
    let of_issuer: Vec<&Trust> = visible.into_iter().filter(|trust| trust.issuer == issuer).collect();
    if of_issuer.is_empty() {
        return Err(NoTrust::Issuer);
    }
    match of_issuer.iter().find(|trust| trust.subject == subject) {
        Some(trust) if trust.audiences.iter().any(|own| own == audience) => Ok(()),
        Some(_) => Err(NoTrust::Audience),
        None if of_issuer.iter().any(|trust| trust.subject.eq_ignore_ascii_case(subject)) => Err(NoTrust::SubjectCase),
        None => Err(NoTrust::Subject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mismatch_names_the_first_claim_that_differs() {
        let credential = |issuer: &str, subject: &str, lookups| FederatedCredential {
            id: random::guid(),
            trust: Trust {
                name: "x".into(),
                issuer: issuer.into(),
                subject: subject.into(),
                description: None,
                audiences: vec!["audience".into()],
            },
            lag: Lag::new(lookups),
        };
        let find = |credentials: &[FederatedCredential], claims: [&str; 3]| {
            let [issuer, subject, audience] = claims;
            find_trust(credentials, issuer, subject, audience)
        };
        let credentials = [credential("one", "a", 0), credential("two", "b", 0)];
        for (claims, expected) in [
            (["one", "a", "audience"], Ok(())),
            (["two", "b", "audience"], Ok(())),
            (["one", "a", "other"], Err(NoTrust::Audience)),
            (["one", "b", "audience"], Err(NoTrust::Subject)),
            (["one", "A", "audience"], Err(NoTrust::SubjectCase)),
            (["ONE", "a", "audience"], Err(NoTrust::Issuer)),
        ] {
            assert_eq!(find(&credentials, claims), expected, "{claims:?}");
        }
        assert_eq!(find(&[], ["one", "a", "audience"]), Err(NoTrust::NoCredentials));
        let new = [credential("one", "a", 1)];
        assert_eq!(find(&new, ["one", "a", "audience"]), Err(NoTrust::NoCredentials));
        assert_eq!(find(&new, ["one", "a", "audience"]), Ok(()));
    }
}
