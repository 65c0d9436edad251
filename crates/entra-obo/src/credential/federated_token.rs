//! A token of another issuer that Entra accepts in place of a secret: it is the client assertion itself.
//!
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    host::UnixTime,
    strict_json::{Member, Members},
};

/// The longest token that is sent. Kubernetes' have about 1 KB, those of managed identities about 2 KB.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// Who gave the token to this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    /// A file, which a cluster keeps up to date.
    File,
    /// The endpoint of managed identities.
    ManagedIdentity,
}

/// A token with the form of a JWT. Entra verifies it.
#[derive(PartialEq, Eq)]
pub(crate) struct FederatedToken {
    text: String,
    expires: Option<UnixTime>,
    provider: Provider,
}

impl FederatedToken {
    /// Checks the form: a JWS in compact form (RFC 7515 section 7.1) whose header and payload are JSON objects. Line
    /// breaks around it do not matter, because editors add them.
    ///
    /// # Errors
    /// What is wrong, in words that continue a sentence about the token, without any of it.
    pub(crate) fn parse(bytes: &[u8], provider: Provider) -> Result<Self, &'static str> {
        if bytes.len() > MAX_BYTES {
            return Err("is longer than any token");
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "is not text")?.trim_ascii();
        if text.is_empty() {
            return Err("is empty");
        }
        if text.contains("-----BEGIN") {
            return Err("is a certificate or key in PEM; a certificate belongs in clientsecret");
        }
        let parts: Vec<&str> = text.splitn(6, '.').collect();
        let [header, payload, signature] = *parts.as_slice() else {
            return Err(match parts.len() {
                5 => "is an encrypted token, which Entra does not accept",
                _ => "is not a token of three parts (JWT)",
            });
        };
        let decoded = |part| URL_SAFE_NO_PAD.decode(part).map_err(|_| "is not a token: a part of it is not base64url");
        let (header, payload) = (decoded(header)?, decoded(payload)?);
        if decoded(signature)?.is_empty() {
            return Err("is a token without a signature");
        }
        let members = |json| Members::of(json).map_err(|_| "is not a token: a part of it is not a JSON object");
        members(&header)?;
        let expires = match members(&payload)?.get("exp") {
            Some(Member::Integer(seconds)) => Some(UnixTime(*seconds)),
            _ => None,
        };
        Ok(Self { text: text.to_owned(), expires, provider })
    }

    /// The token itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// When it expires, if it says so in the usual form. Entra decides; this serves for words and for keeping the token.
    pub(super) const fn expires(&self) -> Option<UnixTime> {
        self.expires
    }

    /// What to do when Entra has refused it with these AADSTS codes.
    pub(super) fn remedy(&self, codes: &[u32], now: UnixTime) -> &'static str {
        if self.expires.is_some_and(|expires| expires <= now) {
            return self.words(EXPIRED);
        }
        let known = REMEDIES.iter().find(|(known, ..)| codes.iter().any(|code| known.contains(code)));
        self.words(known.map_or(UNKNOWN, |(_, file, identity)| [file, identity]))
    }

    const fn words(&self, [of_file, of_identity]: [&'static str; 2]) -> &'static str {
        match self.provider {
            Provider::File => of_file,
            Provider::ManagedIdentity => of_identity,
        }
    }
}

impl fmt::Debug for FederatedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FederatedToken({:?}, [redacted])", self.provider)
    }
}

const EXPIRED: [&str; 2] = [
    "the token in federated_token_file has expired: see that the cluster replaces it, and start Spin with --direct-mounts, \
     without which it keeps the files that it found at start",
    "the managed identity's token has expired: check the clock of this machine",
];

const UNKNOWN: [&str; 2] = [
    "compare issuer, subject and audience of the federated credential in the app registration with those of the token in \
     federated_token_file",
    "compare issuer, subject and audience of the federated credential in the app registration with those of the managed \
     identity",
];

/// What to do about Entra's refusals, by AADSTS code: for a token of a file, and for one of a managed identity.
///
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
const REMEDIES: [(&[u32], &str, &str); 7] = [
    (
        &[700_211],
        "no federated credential of the app registration has the token's issuer: set the issuer of the cluster (az aks show \
         --query oidcIssuerProfile.issuerUrl), with the slash at its end",
        "no federated credential of the app registration has the token's issuer: set https://login.microsoftonline.com/, the \
         id of the managed identity's directory, and /v2.0",
    ),
    (
        &[700_212],
        "the federated credential is for another audience than the token: set api://AzureADTokenExchange in both, in the \
         federated credential and in the volume of the pod",
        "the federated credential is for another audience: set api://AzureADTokenExchange in it",
    ),
    (
        &[700_213, 7_002_137, 7_002_138],
        "no federated credential of the app registration has the token's subject: set \
         system:serviceaccount:<namespace>:<service account>, with the same capital letters",
        "no federated credential of the app registration has the token's subject: set the object (principal) id of the \
         managed identity, which is not its client id",
    ),
    (
        &[70_025],
        "the app registration has no federated credential: add one for the pod's service account",
        "the app registration has no federated credential: add one for the managed identity",
    ),
    (
        &[700_222, 700_226, 700_236],
        "the token in federated_token_file was issued by Entra, which does not accept its own: set the file of a service \
         account token",
        "Entra does not accept this identity: use a user-assigned managed identity of the directory of the app registration",
    ),
    (
        &[700_024],
        "the token is outside its time range: compare the clocks of this machine and of the cluster",
        "the token is outside its time range: check the clock of this machine",
    ),
    (
        &[700_027, 7_000_272],
        "the token is not signed with a key that its issuer publishes: see that the cluster's issuer is public, and that the \
         token is unchanged",
        "the token is not signed with a key that its issuer publishes: see that identity_endpoint is that of this machine",
    ),
];

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::{FederatedToken, MAX_BYTES, Provider, REMEDIES};
    use crate::host::UnixTime;

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn token(payload: &str) -> String {
        [r#"{"alg":"RS256"}"#, payload, "signature"].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
    }

    fn parse(text: &str) -> Result<FederatedToken, &'static str> {
        FederatedToken::parse(text.as_bytes(), Provider::File)
    }

    #[test]
    fn a_token_is_taken_as_it_is_and_its_end_is_known_if_it_says_so() {
        for (payload, expires) in [
            (r#"{"exp":1800003600}"#, Some(UnixTime(1_800_003_600))),
            (r#"{"exp":1.5}"#, None),
            (r#"{"exp":"1800003600"}"#, None),
            (r#"{"exp":-1}"#, None),
            ("{}", None),
        ] {
            let text = token(payload);
            for around in ["", "\n", "\r\n", "  "] {
                let parsed = parse(&format!("{around}{text}{around}")).unwrap();
                assert_eq!((parsed.as_str(), parsed.expires()), (text.as_str(), expires), "{payload}");
                assert!(!format!("{parsed:?}").contains(&text));
            }
        }
    }

    #[test]
    fn what_is_not_a_token_is_named() {
        let right = token("{}");
        let [header, payload, signature] = right.split('.').collect::<Vec<_>>().try_into().unwrap();
        for (text, words) in [
            (String::new(), "is empty"),
            (" \n".to_owned(), "is empty"),
            ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----".to_owned(), "PEM"),
            ("secret".to_owned(), "three parts"),
            (r#"{"access_token":"x"}"#.to_owned(), "three parts"),
            (format!("{right}.{right}"), "three parts"),
            (format!("{right}.."), "encrypted"),
            (format!("{header}.{payload}."), "without a signature"),
            (format!("{header}.{payload}.a b"), "base64url"),
            (format!("{header}.{payload}=.{signature}"), "base64url"),
            (format!(".{payload}.{signature}"), "JSON object"),
            (format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("[]")), "JSON object"),
            (format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(r#"{"exp":1,"exp":2}"#)), "JSON object"),
            ("a".repeat(MAX_BYTES + 1), "longer"),
        ] {
            let words_of = parse(&text).unwrap_err();
            assert!(words_of.contains(words), "{text:.40}: {words_of}");
        }
        assert_eq!(FederatedToken::parse(&[0xff, 0xfe], Provider::File).unwrap_err(), "is not text");
    }

    #[test]
    fn each_refusal_has_its_remedy() {
        let (live, expired) = (token(r#"{"exp":1800003600}"#), token(r#"{"exp":1800000000}"#));
        let (in_file, of_identity) = (Provider::File, Provider::ManagedIdentity);
        for (text, provider, codes, words) in [
            (&live, in_file, &[700_211][..], "oidcIssuerProfile"),
            (&live, in_file, &[700_212], "api://AzureADTokenExchange"),
            (&live, in_file, &[700_213], "system:serviceaccount:"),
            (&live, in_file, &[7_002_138], "capital letters"),
            (&live, in_file, &[70_025], "has no federated credential"),
            (&live, in_file, &[700_024], "clocks"),
            (&live, in_file, &[700_027], "signed"),
            (&live, in_file, &[70_021], "issuer, subject and audience"),
            (&live, in_file, &[], "issuer, subject and audience"),
            (&live, in_file, &[1, 700_213], "system:serviceaccount:"),
            (&expired, in_file, &[700_024], "--direct-mounts"),
            (&expired, in_file, &[700_213], "--direct-mounts"),
            (&live, of_identity, &[700_211], "/v2.0"),
            (&live, of_identity, &[700_213], "principal"),
            (&live, of_identity, &[70_025], "for the managed identity"),
            (&live, of_identity, &[700_236], "user-assigned"),
            (&live, in_file, &[700_222], "issued by Entra"),
            (&expired, of_identity, &[700_024], "clock"),
        ] {
            let remedy = FederatedToken::parse(text.as_bytes(), provider).unwrap().remedy(codes, NOW);
            assert!(remedy.contains(words), "{provider:?} {codes:?}: {remedy}");
        }
        for (index, (codes, ..)) in REMEDIES.iter().enumerate() {
            let others = || REMEDIES.iter().skip(index + 1).flat_map(|(others, ..)| others.iter());
            assert!(codes.iter().all(|code| others().all(|other| other != code)), "{codes:?} is listed twice");
        }
    }
}
