//! Where the signing keys come from: this instance's memory, the shared store, Entra.
//!
//! `state` decides, `stored` is the shared store's copy, `published` is Entra's.
//!
//! <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>

mod published;
mod state;
mod stored;

use std::{cell::RefCell, rc::Rc};

use self::state::{Reason, State};
use crate::{
    host::{Host, SendFault},
    instance::Context,
    signing_keys::SigningKeys,
    single_flight::SingleFlight,
    unverified_token::TokenVersion,
    upstream::{FaultKind, UpstreamFault},
};

/// The keys of the configured tenancy, for each form of token.
#[derive(Debug)]
pub struct KeySource {
    v1: RefCell<State>,
    v2: RefCell<State>,
    flights: SingleFlight<TokenVersion, Result<(), UpstreamFault>>,
}

impl Default for KeySource {
    fn default() -> Self {
        Self {
            v1: RefCell::default(),
            v2: RefCell::default(),
            // Who came later has more time than the one whose time was over.
            flights: SingleFlight::sharing(|outcome| !matches!(outcome, Err(fault) if fault.is_deadline())),
        }
    }
}

impl KeySource {
    /// The keys to check a token of `version` with that names `key_id`.
    ///
    /// The key may be unknown: then Entra was asked for it, now or a moment ago, and does not publish it.
    ///
    /// # Errors
    /// An [`UpstreamFault`] if there are no keys at all, or if the key is unknown and Entra could not be asked for it.
    pub async fn keys<H: Host>(
        context: &Context<H>,
        version: TokenVersion,
        key_id: &str,
    ) -> Result<Rc<SigningKeys>, UpstreamFault> {
        let source = &context.instance.key_source;
        // Ends: a refresh that went well leaves less to be wanted, or ends the wish for this key.
        let mut now = context.now;
        loop {
            let keys = source.state(version).borrow().keys(now);
            let known = keys.filter(|keys| keys.contains(key_id) || !source.flights.is_running(&version));
            let reason = source.state(version).borrow().reason_to_refresh(key_id, now);
            match (reason, known) {
                (None, Some(keys)) => return Ok(keys),
                (Some(Reason::Stale), Some(keys)) => {
                    refresh_beside(context, version, key_id);
                    return Ok(keys);
                }
                // With no reason of its own the request joins a refresh that is under way and may bring its key.
                (reason, _) => refresh(context, version, key_id, reason.unwrap_or(Reason::UnknownKey)).await?,
            }
            now = context.host.now();
        }
    }

    const fn state(&self, version: TokenVersion) -> &RefCell<State> {
        match version {
            TokenVersion::V1 => &self.v1,
            TokenVersion::V2 => &self.v2,
        }
    }
}

/// Renews keys whose time is over, without letting anyone wait for it.
fn refresh_beside<H: Host>(context: &Context<H>, version: TokenVersion, key_id: &str) {
    let source = &context.instance.key_source;
    let pausing = source.state(version).borrow().pausing(Reason::Stale, context.host.elapsed()).is_some();
    if pausing || source.flights.is_running(&version) {
        return;
    }
    let (own, key_id) = (context.with_new_deadline(), key_id.to_owned());
    context.host.spawn(async move {
        // A failure is remembered in the state, and last known good keys serve on.
        let _ = refresh(&own, version, &key_id, Reason::Stale).await;
    });
}

/// Leads a refresh or waits for the one under way.
async fn refresh<H: Host>(
    context: &Context<H>,
    version: TokenVersion,
    key_id: &str,
    reason: Reason,
) -> Result<(), UpstreamFault> {
    let source = &context.instance.key_source;
    let work = async || {
        catch_up(context, version, key_id).await;
        let state = source.state(version);
        let wanted = state.borrow().reason_to_refresh(key_id, context.host.now());
        if wanted.is_none_or(|wanted| wanted < reason) {
            return Ok(());
        }
        if let Some(fault) = state.borrow().pausing(reason, context.host.elapsed()) {
            return Err(fault);
        }
        match published::fetch(context, version).await {
            Ok((known, record)) => {
                let looked = state.borrow_mut().fetched(known, key_id, reason);
                stored::save(context, version, record.with_look(looked));
                Ok(())
            }
            Err(fault) => {
                if !fault.is_deadline() {
                    state.borrow_mut().failed(&fault, context.host.elapsed());
                }
                Err(fault)
            }
        }
    };
    let flight = source.flights.run(&context.host, context.deadline, version, work);
    flight.await.unwrap_or_else(|| Err(published::KEY_SET.fault(FaultKind::Send(SendFault::DeadlinePassed))))
}

/// Takes what another instance may have fetched meanwhile.
async fn catch_up<H: Host>(context: &Context<H>, version: TokenVersion, key_id: &str) {
    let state = context.instance.key_source.state(version);
    if state.borrow_mut().may_ask_store(context.host.elapsed())
        && let Some(stored) = stored::load(context, version).await
    {
        state.borrow_mut().offer(stored.known, stored.looked, key_id);
    }
}
