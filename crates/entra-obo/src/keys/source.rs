//! Where the signing keys come from: this instance's memory, the shared store, Entra.
//!
//! <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    caller::unverified_token::TokenVersion,
    context::Context,
    credential::{client_credential::ClientCredential, fault::CredentialFault, source::CredentialSource},
    host::Host,
    keys::{
        known::{Moment, Reason, State},
        published,
        signing_keys::SigningKeys,
        stored::StoredKeys,
    },
    locked::Locked,
    policy::Policy,
    settings::fault::SettingFault,
    store::shared_store::SharedStore,
    upstream::{
        call::UpstreamFault,
        single_flight::{Outcome, SingleFlight},
    },
};

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeysFault {
    /// Entra gave no usable response.
    Upstream(UpstreamFault),
    /// The client credential could not be read, without which no call is made.
    Credential(CredentialFault),
    /// The request ran out of time while it waited for another that fetches them.
    OutOfTime,
}

/// In words for the log.
impl fmt::Display for KeysFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(fault) => fault.fmt(formatter),
            Self::Credential(fault) => fault.fmt(formatter),
            Self::OutOfTime => formatter.write_str("the request ran out of time"),
        }
    }
}

impl Outcome for Result<(), KeysFault> {
    fn out_of_time() -> Self {
        Err(KeysFault::OutOfTime)
    }

    fn is_out_of_time(&self) -> bool {
        match self {
            Err(KeysFault::Upstream(fault)) => fault.is_out_of_time(),
            Err(KeysFault::Credential(fault)) => *fault == CredentialFault::OutOfTime,
            Err(KeysFault::OutOfTime) => true,
            Ok(()) => false,
        }
    }
}

/// The keys of the configured tenancy, for each form of token.
#[derive(Debug)]
pub(crate) struct KeySource {
    policy: Arc<Policy>,
    credential: Arc<CredentialSource>,
    stored: StoredKeys,
    v1: Locked<State>,
    v2: Locked<State>,
    flights: SingleFlight<TokenVersion, Result<(), KeysFault>>,
}

impl KeySource {
    pub(crate) fn new(policy: Arc<Policy>, store: Arc<SharedStore>, credential: Arc<CredentialSource>) -> Self {
        Self {
            stored: StoredKeys::new(Arc::clone(&policy), store, Arc::clone(&credential)),
            policy,
            credential,
            v1: Locked::default(),
            v2: Locked::default(),
            flights: SingleFlight::default(),
        }
    }

    /// The keys to check a token of `version` with that names `key_id`.
    ///
    /// The key may be unknown: then Entra was asked for it, now or a moment ago, and does not publish it.
    ///
    /// # Errors
    /// A [`KeysFault`] if there are no keys at all, or if the key is unknown and Entra could not be asked for it.
    pub(crate) async fn keys<H: Host>(
        self: &Arc<Self>,
        context: &Context<H>,
        version: TokenVersion,
        key_id: &str,
    ) -> Result<Arc<SigningKeys>, KeysFault> {
        // Terminates: a successful refresh finds the key or starts the cooldown, and both return on the next turn.
        let mut elapsed = context.elapsed;
        loop {
            let keys = self.state(version).lock().keys(elapsed);
            let known = keys.filter(|keys| keys.contains(key_id) || !self.flights.is_running(&version));
            let reason = self.state(version).lock().reason_to_refresh(key_id, elapsed);
            match (reason, known) {
                (None, Some(keys)) => return Ok(keys),
                (Some(Reason::Stale), Some(keys)) => {
                    self.refresh_in_background(context, version, key_id);
                    return Ok(keys);
                }
                // With no reason of its own, the request joins a refresh that is in progress and may bring its key.
                (reason, _) => self.refresh(context, version, key_id, reason.unwrap_or(Reason::UnknownKey)).await?,
            }
            elapsed = context.host.elapsed();
        }
    }

    /// Why there are no keys for any form of token, if it was known a moment ago of one form. Makes no call.
    pub(crate) fn lack(&self, elapsed: Duration) -> Option<KeysFault> {
        let states = [&self.v1, &self.v2];
        if states.iter().any(|state| state.lock().keys(elapsed).is_some()) {
            return None;
        }
        states.iter().find_map(|state| state.lock().lack(elapsed)).map(KeysFault::Upstream)
    }

    /// Renews keys that are no longer fresh. No request waits for it.
    fn refresh_in_background<H: Host>(self: &Arc<Self>, context: &Context<H>, version: TokenVersion, key_id: &str) {
        if self.flights.is_running(&version) {
            return;
        }
        let (source, own, key_id) = (Arc::clone(self), context.in_background(), key_id.to_owned());
        context.host.spawn(async move {
            // A failure is remembered in the state, and last known good keys are used meanwhile.
            let _ = source.refresh(&own, version, &key_id, Reason::Stale).await;
        });
    }

    /// Leads a refresh, or waits for the one in progress.
    async fn refresh<H: Host>(
        &self,
        context: &Context<H>,
        version: TokenVersion,
        key_id: &str,
        reason: Reason,
    ) -> Result<(), KeysFault> {
        let Context { host, deadline, .. } = context;
        let state = self.state(version);
        let work = async {
            let credential = self.credential(context).await?;
            self.catch_up(context, version, key_id, credential.as_deref()).await;
            let wanted = state.lock().reason_to_refresh(key_id, host.elapsed());
            if wanted.is_none_or(|wanted| wanted < reason) {
                return Ok(());
            }
            let pausing = state.lock().pausing(reason, host.elapsed());
            if let Some(fault) = pausing {
                return Err(KeysFault::Upstream(fault));
            }
            match published::fetch(context, &self.policy, version).await {
                Ok((known, record)) => {
                    let lookup = state.lock().fetched(known, key_id, reason, moment(host));
                    self.stored.save(context, version, &record.with_lookup(lookup));
                    Ok(())
                }
                Err(fault) => {
                    if !fault.is_out_of_time() {
                        state.lock().failed(&fault, host.elapsed());
                    }
                    Err(KeysFault::Upstream(fault))
                }
            }
        };
        self.flights.run(host, *deadline, version, work).await
    }

    /// The client credential, or `None` if there is none for a reason that matters to an exchange only.
    ///
    /// It is read before an instance makes its first call: a host that resolves all variables for that call, as Spin does,
    /// would deny each further call of the instance if it could not resolve this one.
    async fn credential<H: Host>(&self, context: &Context<H>) -> Result<Option<Arc<ClientCredential>>, KeysFault> {
        match self.credential.current(&context.host, context.deadline).await {
            Ok(credential) => Ok(Some(credential)),
            Err(fault @ (CredentialFault::Variable(SettingFault::Unreadable(_)) | CredentialFault::OutOfTime)) => {
                Err(KeysFault::Credential(fault))
            }
            Err(_) => Ok(None),
        }
    }

    /// Takes what another instance may have fetched in the meantime.
    async fn catch_up<H: Host>(
        &self,
        context: &Context<H>,
        version: TokenVersion,
        key_id: &str,
        credential: Option<&ClientCredential>,
    ) {
        let Some(credential) = credential else { return };
        let state = self.state(version);
        let may_ask = state.lock().may_ask_store(context.host.elapsed());
        if may_ask && let Some(stored) = self.stored.load(context, version, credential).await {
            state.lock().offer(stored.known, stored.lookup, key_id, moment(&context.host));
        }
    }

    const fn state(&self, version: TokenVersion) -> &Locked<State> {
        match version {
            TokenVersion::V1 => &self.v1,
            TokenVersion::V2 => &self.v2,
        }
    }
}

fn moment<H: Host>(host: &H) -> Moment {
    Moment { now: host.now(), elapsed: host.elapsed() }
}
