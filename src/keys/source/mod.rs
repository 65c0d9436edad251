//! Where the signing keys come from: this instance's memory, the shared store, Entra.
//!
//! `state` decides, `stored` is the shared store's copy, `published` is Entra's.
//!
//! <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>

mod published;
mod state;
mod stored;

use std::{cell::RefCell, rc::Rc};

use self::state::{Moment, Reason, State};
use crate::{
    caller::unverified_token::TokenVersion, credential::client_credential::ClientCredential, host::Host,
    instance::Context, keys::signing_keys::SigningKeys, refusal::error::Error, upstream::single_flight::SingleFlight,
};

/// The keys of the configured tenancy, for each form of token.
#[derive(Debug)]
pub struct KeySource {
    v1: RefCell<State>,
    v2: RefCell<State>,
    flights: SingleFlight<TokenVersion, Result<(), Error>>,
}

impl Default for KeySource {
    fn default() -> Self {
        Self {
            v1: RefCell::default(),
            v2: RefCell::default(),
            // A request that came later has more time than the one whose time has run out.
            flights: SingleFlight::sharing(
                |outcome: &Result<(), Error>| !matches!(outcome, Err(error) if error.is_deadline()),
            ),
        }
    }
}

impl KeySource {
    /// The keys to check a token of `version` with that names `key_id`.
    ///
    /// The key may be unknown: then Entra was asked for it, now or a moment ago, and does not publish it.
    ///
    /// # Errors
    /// [`Error::Upstream`] if there are no keys at all, or if the key is unknown and Entra could not be asked for it;
    /// [`Error::VariableUnavailable`] if the client credential could not be read, without which no call is made.
    pub async fn keys<H: Host>(
        context: &Context<H>,
        version: TokenVersion,
        key_id: &str,
    ) -> Result<Rc<SigningKeys>, Error> {
        let source = &context.caches.keys;
        // Terminates: a successful refresh finds the key or starts the cooldown, and both return on the next turn.
        let mut elapsed = context.elapsed;
        loop {
            let keys = source.state(version).borrow().keys(elapsed);
            let known = keys.filter(|keys| keys.contains(key_id) || !source.flights.is_running(&version));
            let reason = source.state(version).borrow().reason_to_refresh(key_id, elapsed);
            match (reason, known) {
                (None, Some(keys)) => return Ok(keys),
                (Some(Reason::Stale), Some(keys)) => {
                    refresh_in_background(context, version, key_id);
                    return Ok(keys);
                }
                // With no reason of its own the request joins a refresh that is under way and may bring its key.
                (reason, _) => refresh(context, version, key_id, reason.unwrap_or(Reason::UnknownKey)).await?,
            }
            elapsed = context.host.elapsed();
        }
    }

    const fn state(&self, version: TokenVersion) -> &RefCell<State> {
        match version {
            TokenVersion::V1 => &self.v1,
            TokenVersion::V2 => &self.v2,
        }
    }
}

/// Renews keys that are no longer fresh, without letting anyone wait for it.
fn refresh_in_background<H: Host>(context: &Context<H>, version: TokenVersion, key_id: &str) {
    if context.caches.keys.flights.is_running(&version) {
        return;
    }
    let (own, key_id) = (context.with_new_deadline(), key_id.to_owned());
    context.host.spawn(async move {
        // A failure is remembered in the state, and last known good keys are used meanwhile.
        let _ = refresh(&own, version, &key_id, Reason::Stale).await;
    });
}

/// Leads a refresh or waits for the one under way.
async fn refresh<H: Host>(
    context: &Context<H>,
    version: TokenVersion,
    key_id: &str,
    reason: Reason,
) -> Result<(), Error> {
    let Context { caches, host, deadline, .. } = context;
    let state = caches.keys.state(version);
    let work = async || {
        let credential = credential(context).await?;
        catch_up(context, version, key_id, credential.as_deref()).await;
        let wanted = state.borrow().reason_to_refresh(key_id, host.elapsed());
        if wanted.is_none_or(|wanted| wanted < reason) {
            return Ok(());
        }
        if let Some(fault) = state.borrow().pausing(reason, host.elapsed()) {
            return Err(Error::Upstream(fault));
        }
        match published::fetch(context, version).await {
            Ok((known, record)) => {
                let lookup = state.borrow_mut().fetched(known, key_id, reason, moment(host));
                stored::save(context, version, record.with_lookup(lookup));
                Ok(())
            }
            Err(fault) => {
                if !fault.is_deadline() {
                    state.borrow_mut().failed(&fault, host.elapsed());
                }
                Err(Error::Upstream(fault))
            }
        }
    };
    caches.keys.flights.run(host, *deadline, version, work).await.unwrap_or(Err(Error::DeadlinePassed))
}

/// The client credential, or `None` if it is there and wrong, which only an exchange minds.
///
/// It is read before an instance makes its first call: a host that resolves all variables for that call, as Spin does,
/// would deny each further call of the instance if it could not resolve this one.
async fn credential<H: Host>(context: &Context<H>) -> Result<Option<Rc<ClientCredential>>, Error> {
    match context.instance.credential.current(&context.host, context.deadline).await {
        Ok(credential) => Ok(Some(credential)),
        Err(Error::Credential(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes what another instance may have fetched meanwhile.
async fn catch_up<H: Host>(
    context: &Context<H>,
    version: TokenVersion,
    key_id: &str,
    credential: Option<&ClientCredential>,
) {
    let Context { caches, host, .. } = context;
    let state = caches.keys.state(version);
    if let Some(credential) = credential
        && state.borrow_mut().may_ask_store(host.elapsed())
        && let Some(stored) = stored::load(context, version, credential).await
    {
        state.borrow_mut().offer(stored.known, stored.lookup, key_id, moment(host));
    }
}

fn moment<H: Host>(host: &H) -> Moment {
    Moment { now: host.now(), elapsed: host.elapsed() }
}
