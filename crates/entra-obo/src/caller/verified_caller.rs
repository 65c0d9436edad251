//! From a decoded token to a verified caller.
//!
//! A [`VerifiedCaller`] can only be made here, and an exchange only from a [`VerifiedCaller`].

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    caller::{
        bearer_token::BearerToken,
        person::{AssertionDigest, Person},
        token_fault::{CallerRefusal, TokenFault},
        unverified_token::{Subject, TokenVersion, UnverifiedToken},
    },
    event_log::CallerIds,
    guid,
    host::UnixTime,
    keys::signing_keys::SigningKeys,
    policy::Policy,
    settings::ids::GRAPH,
};

/// How far Entra's clock and this machine's may differ: the five minutes of Microsoft's own libraries.
pub(crate) const CLOCK_SKEW_SECONDS: u64 = 300;

/// The longest life of an access token. Entra gives those of clients that handle claims challenges up to 28 hours, others
/// at most a day, whatever a token lifetime policy says.
/// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes#configurable-token-lifetime-properties>
pub(crate) const MAX_LIFE_SECONDS: u64 = 28 * 3600;

/// How far back Entra dates `nbf`, for the sake of slow clocks.
const BACKDATED_SECONDS: u64 = 300;

/// The audiences of Microsoft Graph itself: its application id and its address.
const GRAPH_AUDIENCES: [&str; 2] = [GRAPH, "https://graph.microsoft.com"];

/// A token whose claims are acceptable and whose signature has not been verified yet.
#[derive(Debug)]
pub(crate) struct UnverifiedCaller {
    token: UnverifiedToken,
    tenant_id: Uuid,
}

/// A person, proven by Entra's signature, who may call this API through the application that calls.
#[derive(Debug)]
pub struct VerifiedCaller {
    assertion: BearerToken,
    digest: AssertionDigest,
    tenant_id: Uuid,
    object_id: Option<Uuid>,
    client: Option<Uuid>,
    expires: UnixTime,
}

impl UnverifiedCaller {
    /// Judges everything about a token that can be judged without keys, so that a token which would be refused anyway
    /// costs no call to Entra.
    ///
    /// # Errors
    /// The first fault found.
    pub(crate) fn judge(token: UnverifiedToken, policy: &Policy, now: UnixTime) -> Result<Self, TokenFault> {
        let claims = token.unverified_claims();
        let audience = claims.audience.strip_suffix('/').unwrap_or(&claims.audience);
        if GRAPH_AUDIENCES.contains(&audience) || policy.downstream_audiences.iter().any(|own| own == audience) {
            return Err(TokenFault::MeantForGraph);
        }
        if !is_audience(&claims.audience, claims.version, policy) {
            return Err(TokenFault::Audience(entra_id(&claims.audience)));
        }
        let tenant_id = entra_id(&claims.tenant_id).ok_or(TokenFault::Claim("tid"))?;
        if !policy.tenancy.admits(tenant_id) {
            return Err(TokenFault::Tenant(tenant_id));
        }
        if now >= claims.expires.plus(CLOCK_SKEW_SECONDS) {
            return Err(TokenFault::Expired);
        }
        if claims.not_before.is_some_and(|not_before| now.plus(CLOCK_SKEW_SECONDS) < not_before) {
            return Err(TokenFault::NotYetValid);
        }
        if lives_too_long(claims.expires, claims.not_before, now) {
            return Err(TokenFault::Lifetime);
        }
        Ok(Self { token, tenant_id })
    }

    /// Which form of metadata the token must be checked by.
    #[must_use]
    pub(crate) const fn unverified_version(&self) -> TokenVersion {
        self.token.unverified_claims().version
    }

    /// The id of the key that the token names.
    #[must_use]
    pub(crate) fn unverified_key_id(&self) -> &str {
        self.token.unverified_key_id()
    }

    /// Proves the token by the tenant's keys, then asks whether this caller may call.
    ///
    /// # Errors
    /// See [`CallerRefusal`]. Permissions are checked only after the signature has proven who calls.
    pub(crate) fn verify(self, keys: &SigningKeys, policy: &Policy) -> Result<VerifiedCaller, CallerRefusal> {
        let Self { token, tenant_id } = self;
        let digest = token.signed_digest();
        prove(&token, &digest, keys).map_err(CallerRefusal::Token)?;

        let (assertion, claims) = token.into_parts();
        if claims.subject == Subject::Application {
            return Err(CallerRefusal::AppOnly);
        }
        if !claims.scopes.iter().any(|scope| policy.required_scopes.contains(scope)) {
            return Err(CallerRefusal::ScopeMissing);
        }
        let client = claims.client.as_deref().and_then(entra_id);
        if !policy.allowed_clients.is_empty() && !client.is_some_and(|client| policy.allowed_clients.contains(&client))
        {
            return Err(CallerRefusal::ClientNotAllowed(client));
        }
        let object_id = claims.object_id.as_deref().and_then(entra_id);
        Ok(VerifiedCaller { assertion, digest, tenant_id, object_id, client, expires: claims.expires })
    }
}

impl VerifiedCaller {
    /// The token itself, which is the assertion of the On-Behalf-Of flow.
    #[must_use]
    pub const fn assertion(&self) -> &BearerToken {
        &self.assertion
    }

    /// What identifies the token: SHA-256 of its signed part.
    #[must_use]
    pub const fn digest(&self) -> &AssertionDigest {
        &self.digest
    }

    /// `tid`: the directory whose token this is, and at which it is exchanged.
    #[must_use]
    pub const fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    /// `oid`: the person.
    #[must_use]
    pub const fn object_id(&self) -> Option<Uuid> {
        self.object_id
    }

    /// The person, for counting requests.
    #[must_use]
    pub fn person(&self) -> Person {
        let Self { tenant_id, object_id, digest, .. } = *self;
        object_id.map_or(Person::Bearer(digest), |object_id| Person::Known { tenant_id, object_id })
    }

    /// `azp` or `appid`: the application that calls.
    #[must_use]
    pub const fn client(&self) -> Option<Uuid> {
        self.client
    }

    /// Whose request this is, for the log.
    #[must_use]
    pub const fn ids(&self) -> CallerIds {
        CallerIds { tenant_id: Some(self.tenant_id), object_id: self.object_id, client_id: self.client }
    }

    /// All claims, as Entra signed them. They are decoded at each call.
    #[must_use]
    pub fn claims(&self) -> Map<String, Value> {
        let payload = self.assertion.as_str().split('.').nth(1).unwrap_or_default();
        let payload = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
        serde_json::from_slice(&payload).unwrap_or_default()
    }

    /// `exp`
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }
}

fn prove(token: &UnverifiedToken, digest: &AssertionDigest, keys: &SigningKeys) -> Result<(), TokenFault> {
    let claims = token.unverified_claims();
    if !keys.issuer().admits(&claims.issuer, &claims.tenant_id) {
        return Err(TokenFault::Issuer);
    }
    let mut fault = TokenFault::UnknownKey;
    for key in keys.with_id(token.unverified_key_id()) {
        if !keys.may_sign(key, &claims.issuer, &claims.tenant_id) {
            fault = TokenFault::KeyIssuer;
        } else if keys.verify(key, digest, token.signature()) {
            return Ok(());
        } else {
            fault = TokenFault::Signature;
        }
    }
    Err(fault)
}

/// Whether a token is valid for longer than Entra issues any, counted from now or from its own beginning.
fn lives_too_long(expires: UnixTime, not_before: Option<UnixTime>, now: UnixTime) -> bool {
    expires > now.plus(MAX_LIFE_SECONDS).plus(CLOCK_SKEW_SECONDS)
        || not_before.is_some_and(|not_before| expires > not_before.plus(MAX_LIFE_SECONDS).plus(2 * BACKDATED_SECONDS))
}

/// v2 tokens name the client id; v1 tokens that, or an Application ID URI as registered, with or without a slash at its
/// end. ADAL's clients requested `spn:` and the client id.
/// <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims>
fn is_audience(audience: &str, version: TokenVersion, policy: &Policy) -> bool {
    let bare = |uri: &str| uri.strip_suffix('/').unwrap_or(uri).to_owned();
    let audience = bare(audience);
    let is_own_id = |id: &str| entra_id(id) == Some(policy.client_id);
    is_own_id(&audience)
        || audience.strip_prefix("api://").is_some_and(is_own_id)
        || version == TokenVersion::V1
            && (audience.strip_prefix("spn:").is_some_and(is_own_id)
                || policy.application_id_uris.iter().any(|uri| bare(uri) == audience))
}

/// An id exactly as Entra writes it: hyphens, lower case.
fn entra_id(text: &str) -> Option<Uuid> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { None } else { guid::parse(text) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{is_audience, lives_too_long};
    use crate::{
        caller::unverified_token::TokenVersion,
        host::UnixTime,
        policy::{Policy, Tenancy},
    };

    const CLIENT: &str = "22222222-2222-4222-8222-222222222222";

    fn policy(client_id: &str) -> Policy {
        Policy::new(Tenancy::Single(Uuid::from_u128(1)), client_id.parse().unwrap(), vec!["scope".to_owned()])
    }

    #[test]
    fn no_token_lives_longer_than_entra_lets_it() {
        const HOUR: u64 = 3600;
        let now = UnixTime(1000 * HOUR);
        let at = |hours: u64| UnixTime(hours * HOUR);
        for (not_before, expires, too_long) in [
            (Some(at(1000)), at(1001), false),
            (Some(UnixTime(now.0 - 300)), at(1024), false),
            (Some(UnixTime(now.0 - 300)), at(1028), false),
            (Some(at(974)), at(1002), false),
            (None, at(1028), false),
            // As far as clocks may differ.
            (None, UnixTime(at(1028).0 + 300), false),
            (None, UnixTime(at(1028).0 + 301), true),
            (Some(at(1000)), at(1029), true),
            (Some(at(973)), at(1002), true),
            (Some(UnixTime(0)), at(1001), true),
            (None, at(1000 + 365 * 24), true),
            (None, UnixTime(u64::MAX), true),
        ] {
            assert_eq!(lives_too_long(expires, not_before, now), too_long, "{not_before:?} {expires:?}");
        }
    }

    #[test]
    fn audiences_are_the_client_id_and_the_uris_of_this_api() {
        let uris = vec![
            format!("api://tab.contoso.example/{CLIENT}"),
            "https://contoso.example/profile-api".to_owned(),
            "https://slash.example/".to_owned(),
        ];
        let mut policy = policy(CLIENT);
        policy.application_id_uris = uris;
        let another = self::policy("2222aaaa-2222-4222-8222-222222222222");
        let is = |audience: &str, version| is_audience(audience, version, &policy);
        for good in [CLIENT.to_owned(), format!("api://{CLIENT}"), format!("api://{CLIENT}/"), format!("{CLIENT}/")] {
            assert!(is(&good, TokenVersion::V1) && is(&good, TokenVersion::V2), "{good}");
        }
        for of_version_1 in [
            format!("spn:{CLIENT}"),
            format!("api://tab.contoso.example/{CLIENT}"),
            format!("api://tab.contoso.example/{CLIENT}/"),
            "https://contoso.example/profile-api".to_owned(),
            "https://contoso.example/profile-api/".to_owned(),
            "https://slash.example".to_owned(),
            "https://slash.example/".to_owned(),
        ] {
            assert!(is(&of_version_1, TokenVersion::V1), "{of_version_1}");
            assert!(!is(&of_version_1, TokenVersion::V2), "{of_version_1}");
        }
        for bad in [
            String::new(),
            "api://".to_owned(),
            format!("api://{CLIENT}//"),
            format!("api://{CLIENT}/x"),
            format!("https://{CLIENT}"),
            format!("api://api://{CLIENT}"),
            format!("api://spn:{CLIENT}"),
            format!(" {CLIENT}"),
            format!("{{{CLIENT}}}"),
            CLIENT.replace('-', ""),
            "https://contoso.example".to_owned(),
            "https://contoso.example/profile-api//".to_owned(),
            "https://contoso.example/profile-api/x".to_owned(),
            "https://CONTOSO.example/profile-api".to_owned(),
            "https://slash.example//".to_owned(),
        ] {
            assert!(!is(&bad, TokenVersion::V1) && !is(&bad, TokenVersion::V2), "{bad}");
        }
        assert!(is_audience("2222aaaa-2222-4222-8222-222222222222", TokenVersion::V2, &another));
        assert!(!is_audience("2222AAAA-2222-4222-8222-222222222222", TokenVersion::V2, &another));
    }
}
