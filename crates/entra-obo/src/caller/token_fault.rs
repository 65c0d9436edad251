//! Why a token, or its bearer, is refused.

use uuid::Uuid;

/// Why a token is refused. Callers learn the reason, because it is no secret and the client's developers need it. Ids are
/// for the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// Not three base64url parts with JSON objects in the first two.
    NotAJwt,
    /// Five parts: an encrypted token.
    Encrypted,
    /// `alg` is not RS256.
    Algorithm,
    /// A header member that changes what the token means.
    Header,
    /// `kid` is missing or not an id.
    KeyId,
    /// Bound to a key (RFC 7800, RFC 8705, RFC 9449), or the proof that goes with such a token.
    KeyBound,
    /// A token that Entra issued for Microsoft Graph.
    MeantForGraph,
    /// An ID token, which is for the client and not for an API.
    IdToken,
    /// A claim is missing or not of its type.
    Claim(&'static str),
    /// From this directory, which may not call.
    Tenant(Uuid),
    /// For another application: this one, if the token names it by its id.
    Audience(Option<Uuid>),
    /// From another issuer.
    Issuer,
    /// Not valid yet.
    NotYetValid,
    /// Expired.
    Expired,
    /// Valid for longer than any token that Entra issues.
    Lifetime,
    /// Entra publishes no key of this id.
    UnknownKey,
    /// The key exists, but not for this issuer.
    KeyIssuer,
    /// The signature is not the key's.
    Signature,
}

impl TokenFault {
    /// What is wrong, for the caller.
    #[must_use]
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NotAJwt => "The token is not a signed JWT.",
            Self::Encrypted => "The token is encrypted; this API takes signed tokens only.",
            Self::Algorithm => "The token is not signed with RS256.",
            Self::Header => "The token's header has a member that this API does not understand.",
            Self::KeyId => "The token does not name its signing key.",
            Self::KeyBound => {
                "The token is bound to a key (proof of possession: cnf, PoP, DPoP), and this API cannot check the proof. Ask \
                 Entra for a bearer token."
            }
            Self::MeantForGraph => {
                "The token is meant for Microsoft Graph. Ask Entra for a scope of this API, like api://<client-id>/<scope>."
            }
            Self::IdToken => {
                "The token is an ID token. Send the access token that Entra issues for a scope of this API."
            }
            Self::Claim(_) => "A claim of the token is missing or has the wrong type.",
            Self::Tenant(_) => "The token comes from a directory that is not allowed to call this API.",
            Self::Audience(_) => "The token is for another application; its aud is not this API.",
            Self::Issuer => "The token's issuer is not that of its directory.",
            Self::NotYetValid => "The token is not valid yet.",
            Self::Expired => "The token has expired. Get a new one.",
            Self::Lifetime => "The token is valid for longer than any token that Entra issues.",
            Self::UnknownKey => "The token is signed by a key that the directory does not publish.",
            Self::KeyIssuer => "The token is signed by a key that is not meant for its issuer.",
            Self::Signature => "The token's signature is wrong.",
        }
    }
}

/// Why a caller is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerRefusal {
    /// The token proves nothing.
    Token(TokenFault),
    /// An application calls for itself, not for a person.
    AppOnly,
    /// The token holds none of the required scopes.
    ScopeMissing,
    /// The application, this one if it has an id, is not on the list of those that may call.
    ClientNotAllowed(Option<Uuid>),
}
