//! A protected web API: the whole flow from a bearer token to a downstream token.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use uuid::Uuid;

use crate::{
    caller::{
        bearer_token::BearerToken,
        token_fault::CallerRefusal,
        unverified_token::UnverifiedToken,
        verified_caller::{UnverifiedCaller, VerifiedCaller},
    },
    context::Context,
    credential::{client_authentication::ClientAuthentication, source::CredentialSource},
    exchange::{
        downstream::Downstream,
        source::{Origin, TokenSource},
        tokens::{ApplicationToken, DownstreamToken, Need},
    },
    host::{Host, SendFault},
    keys::source::{KeySource, KeysFault},
    policy::Policy,
    refusal::{Cause, Refusal},
    store::shared_store::SharedStore,
    upstream::call::FaultKind,
};

/// How many downstream tokens the shared store holds unless [`ProtectedApi::with_store_slots`] says otherwise: about 100 MB.
const STORE_SLOTS: u32 = 65_536;

/// An API that Entra protects: it validates its callers' tokens and exchanges them for tokens of downstream APIs.
///
/// It remembers signing keys, downstream tokens and failures, all of them bounded, for as long as it lives. Make one and
/// share it: cloning is cheap, and clones share what they remember.
#[derive(Debug, Clone)]
pub struct ProtectedApi {
    policy: Arc<Policy>,
    store_slots: u32,
    credential: Arc<CredentialSource>,
    keys: Arc<KeySource>,
    tokens: Arc<TokenSource>,
}

impl ProtectedApi {
    /// An API with this policy, which remembers nothing yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::wired(Arc::new(policy), STORE_SLOTS, Arc::default())
    }

    /// The same with another limit to the number of downstream tokens in the shared store; with 0 the store is not used at
    /// all. What was remembered is forgotten.
    #[must_use]
    pub fn with_store_slots(self, slots: u32) -> Self {
        if slots == self.store_slots { self } else { Self::wired(self.policy, slots, self.credential) }
    }

    /// The same with another policy. Signing keys and tokens of another authority, tenancy or application are forgotten.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        if policy.is_of_same_registration(&self.policy) {
            Self { policy, ..self }
        } else {
            Self::wired(policy, self.store_slots, self.credential)
        }
    }

    /// The same with another way to prove itself to Entra; [`ProtectedApi::new`] uses the host's setting `client_secret`. If
    /// it differs, what was remembered is forgotten.
    #[must_use]
    pub fn with_client_authentication(self, authentication: ClientAuthentication) -> Self {
        if authentication == *self.credential.authentication() {
            return self;
        }
        Self::wired(self.policy, self.store_slots, Arc::new(CredentialSource::new(authentication)))
    }

    fn wired(policy: Arc<Policy>, store_slots: u32, credential: Arc<CredentialSource>) -> Self {
        let store = Arc::new(SharedStore::new(store_slots));
        let keys = KeySource::new(Arc::clone(&policy), Arc::clone(&store), Arc::clone(&credential));
        let tokens = TokenSource::new(Arc::clone(&policy), store, Arc::clone(&credential));
        Self { keys: Arc::new(keys), tokens: Arc::new(tokens), policy, store_slots, credential }
    }

    /// Who may call.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The token of a request, from its `Authorization` header (RFC 6750 section 2.1).
    ///
    /// # Errors
    /// A [`Refusal`] if there is no bearer token, more than one `Authorization` header, or a token that is malformed or
    /// longer than 16 KiB.
    ///
    /// ```
    /// use entra_obo::{Policy, ProtectedApi, Tenancy};
    /// use http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
    /// use uuid::Uuid;
    ///
    /// let policy = Policy::new(Tenancy::Single(Uuid::from_u128(1)), Uuid::from_u128(2), vec!["read".to_owned()]);
    /// let api = ProtectedApi::new(policy);
    /// let headers = |value| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
    ///
    /// let bearer = api.bearer(&headers("Bearer eyJhbGciOiJSUzI1NiJ9.e30.AAAA"))?;
    /// assert_eq!(format!("{bearer:?}"), "BearerToken([redacted])");
    ///
    /// let refusal = api.bearer(&headers("Bearer not a token")).unwrap_err();
    /// let response = refusal.into_response(Uuid::from_u128(3));
    /// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    /// assert_eq!(response.headers()["content-type"], "application/problem+json");
    /// assert_eq!(
    ///     response.body(),
    ///     "{\"type\":\"about:blank\",\"title\":\"Unauthorized\",\"status\":401,\"code\":\"invalid_token\",\
    ///      \"detail\":\"The text after Bearer is not a token.\",\
    ///      \"request_id\":\"00000000-0000-0000-0000-000000000003\"}"
    /// );
    /// # Ok::<(), entra_obo::Refusal>(())
    /// ```
    pub fn bearer(&self, headers: &HeaderMap) -> Result<BearerToken, Refusal> {
        BearerToken::from_headers(headers).map_err(|fault| self.refusal(Cause::Bearer(fault)))
    }

    /// The caller that a token proves, if the policy admits it.
    ///
    /// The token is checked as Microsoft documents it: audience, tenant, times, issuer, the signing key and its issuer,
    /// signature, then scope and client.
    /// <https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens>
    ///
    /// # Errors
    /// A [`Refusal`] if the token is not valid, if its bearer may not call, or if there are no keys to check it with.
    pub async fn validate<H: Host>(
        &self,
        context: &Context<H>,
        bearer: BearerToken,
    ) -> Result<Arc<VerifiedCaller>, Refusal> {
        let refuse = |fault| self.refusal(Cause::Caller(CallerRefusal::Token(fault)));
        let unverified = UnverifiedToken::decode(bearer).map_err(refuse)?;
        let unverified = UnverifiedCaller::judge(unverified, &self.policy, context.now).map_err(refuse)?;
        let keys = self.keys.keys(context, unverified.unverified_version(), unverified.unverified_key_id()).await;
        let keys = keys.map_err(|fault| self.refusal(Cause::Keys(self.or_outage_of_variables(fault))))?;
        let caller = unverified.verify(&keys, &self.policy).map_err(|refusal| self.refusal(Cause::Caller(refusal)))?;
        Ok(Arc::new(caller))
    }

    /// A token for `downstream` in the name of `caller`, and where it came from: memory, the host's store, or an exchange.
    ///
    /// Concurrent requests that need the same token share one exchange. Refusals of Entra are repeated to those whom they
    /// are about, without a call, for as long as they are likely to last.
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow>
    ///
    /// # Errors
    /// A [`Refusal`] if Entra refuses the exchange, or if it could not be made.
    pub async fn token<H: Host>(
        &self,
        context: &Context<H>,
        caller: &Arc<VerifiedCaller>,
        downstream: &Downstream,
        need: &Need,
    ) -> Result<(DownstreamToken, Origin), Refusal> {
        let obtained = self.tokens.of_person(context, caller, downstream, need).await;
        obtained.map_err(|fault| self.refusal(Cause::Exchange(fault)))
    }

    /// A token of the application itself for `downstream`, by the client credentials grant, and where it came from.
    /// `tenant_id` is the directory that issues it: the policy's, or one of several in which the application is
    /// installed. Entra requires one scope, `<resource>/.default`; the token has the roles that an administrator
    /// assigned to the application.
    ///
    /// It is remembered, shared and paused as callers' tokens are, and separately from them. Whoever can cause this
    /// call acts as the application, so callers from outside must not be able to.
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
    ///
    /// # Errors
    /// A [`Refusal`] if Entra refuses, or if the request could not be made.
    pub async fn application_token<H: Host>(
        &self,
        context: &Context<H>,
        tenant_id: Uuid,
        downstream: &Downstream,
        need: &Need<ApplicationToken>,
    ) -> Result<(ApplicationToken, Origin), Refusal> {
        let obtained = self.tokens.of_application(context, tenant_id, downstream, need).await;
        obtained.map_err(|fault| self.refusal(Cause::Exchange(fault)))
    }

    /// Forgets a token that the downstream API has refused, so that the next request does not present it again.
    pub fn forget<H: Host>(
        &self,
        context: &Context<H>,
        caller: &Arc<VerifiedCaller>,
        downstream: &Downstream,
        refused: &DownstreamToken,
    ) {
        self.tokens.forget_of_person(context, caller, downstream, refused);
    }

    /// Why this API can serve nobody at this moment of [`Host::elapsed`], as far as it knows: a moment ago it could not
    /// read the client credential or fetch signing keys, and has none from before. Makes no call, so nothing is known
    /// before the first token of a caller was checked.
    #[must_use]
    pub fn unready(&self, elapsed: Duration) -> Option<Refusal> {
        let credential = self.credential.lack(elapsed).map(KeysFault::Credential);
        let fault = credential.or_else(|| self.keys.lack(elapsed))?;
        Some(self.refusal(Cause::Keys(fault)))
    }

    fn refusal(&self, cause: Cause) -> Refusal {
        Refusal::new(cause, &self.policy)
    }

    /// Entra is not to blame where the host did not get as far as calling it.
    fn or_outage_of_variables(&self, fault: KeysFault) -> KeysFault {
        let is_hosts_own = matches!(
            &fault,
            KeysFault::Upstream(fault) if matches!(fault.kind, FaultKind::Send(SendFault::TimedOut | SendFault::Denied(_)))
        );
        let outage = is_hosts_own.then(|| self.credential.outage()).flatten();
        outage.map_or(fault, KeysFault::Credential)
    }
}
