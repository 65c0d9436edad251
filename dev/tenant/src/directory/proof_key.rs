//! Proof Key for Code Exchange (RFC 7636).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;

/// The challenge that a client sent with its authorization request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CodeChallenge {
    /// The verifier itself, which Entra still accepts from confidential clients.
    Plain(String),
    /// The SHA-256 of the verifier in base64url.
    S256(String),
}

impl CodeChallenge {
    /// Reads the parameters `code_challenge` and `code_challenge_method`; `None` when they are malformed.
    pub(crate) fn parse(challenge: &str, method: Option<&str>) -> Option<Self> {
        let challenge = is_well_formed(challenge).then(|| challenge.to_owned())?;
        match method {
            None | Some("plain") => Some(Self::Plain(challenge)),
            Some("S256") => Some(Self::S256(challenge)),
            Some(_) => None,
        }
    }

    /// Whether the challenge was made from `verifier`.
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        let digest = || URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        is_well_formed(verifier)
            && match self {
                Self::Plain(challenge) => challenge == verifier,
                Self::S256(challenge) => *challenge == digest(),
            }
    }
}

/// 43 to 128 unreserved characters (section 4.1 and 4.2).
fn is_well_formed(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn a_challenge_is_met_by_its_verifier_alone() {
        let challenge = CodeChallenge::parse(CHALLENGE, Some("S256")).unwrap();
        assert!(challenge.is_met_by(VERIFIER));
        assert!(!challenge.is_met_by(CHALLENGE) && !challenge.is_met_by(""));
        let plain = CodeChallenge::parse(VERIFIER, None).unwrap();
        assert!(plain.is_met_by(VERIFIER) && !plain.is_met_by(CHALLENGE));
    }

    #[test]
    fn malformed_challenges_are_refused() {
        for (challenge, method) in [("short", Some("S256")), (CHALLENGE, Some("s256")), (&"a b".repeat(20), None)] {
            assert_eq!(CodeChallenge::parse(challenge, method), None);
        }
    }
}
