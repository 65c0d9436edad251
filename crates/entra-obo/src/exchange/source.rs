//! Where downstream tokens come from: this instance's memory, the shared store, an exchange.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use lru::LruCache;
use uuid::Uuid;

use crate::{
    caller::{
        person::{AssertionDigest, Person},
        verified_caller::VerifiedCaller,
    },
    claims_challenge::ClaimsChallenge,
    context::Context,
    credential::{client_credential::ClientCredential, fault::CredentialFault, source::CredentialSource},
    exchange::{
        aadsts::Throttle,
        downstream::Downstream,
        downstream_token::{self, DownstreamToken},
        refusal::{Asked, ExchangeRefusal, Meaning, codes},
        slots::{TokenOrLease, TokenSlots},
    },
    host::{Host, SendFault},
    locked::Locked,
    policy::Policy,
    store::shared_store::SharedStore,
    upstream::{
        back_off::{BackOff, LONGEST_SILENCE},
        call::{self, ENTRA, FaultKind, Step, UpstreamFault},
        single_flight::{Outcome, SingleFlight},
    },
};

/// The exchange takes Entra some hundred milliseconds; a token with many groups is some ten kilobytes.
const STEP: Step = Step { service: ENTRA, name: "exchange", timeout: Duration::from_secs(10), max_body: 128 * 1024 };

/// How many tokens are remembered, and how many bytes of them: an instance on an edge host has 128 MiB in all.
const MAX_TOKENS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// How long a token that is due is left as it is after its renewal failed, unless Entra asks for longer.
const RENEWAL_PAUSE: Duration = LONGEST_SILENCE;

/// How many failures are remembered. Each is of a caller whose token was verified.
const MAX_FAILURES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// For how long a credential that Entra has refused is not sent again, for any caller.
const REFUSED_CREDENTIAL_PAUSE: Duration = Duration::from_secs(10);

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExchangeFault {
    /// Entra refused the exchange.
    Refused {
        /// The directory at which it was tried.
        tenant_id: Uuid,
        /// What was requested.
        downstream: Downstream,
        /// Its refusal.
        refusal: ExchangeRefusal,
    },
    /// Entra gave no usable response.
    Upstream(UpstreamFault),
    /// There is no usable client credential.
    Credential(CredentialFault),
    /// The request ran out of time while it waited for another that makes the same exchange.
    OutOfTime,
    /// The token request could not be made: words for the log.
    Unmade(String),
}

/// In words for the log.
impl fmt::Display for ExchangeFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { refusal, .. } => write!(formatter, "Entra refused the exchange: {}", refusal.summary),
            Self::Upstream(fault) => fault.fmt(formatter),
            Self::Credential(fault) => fault.fmt(formatter),
            Self::OutOfTime => formatter.write_str("the request ran out of time"),
            Self::Unmade(words) => write!(formatter, "the token request could not be made: {words}"),
        }
    }
}

impl ExchangeFault {
    /// The `Retry-After` that Entra sent, if it sent one.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Upstream(fault) => fault.retry_after(),
            Self::Refused { refusal, .. } => match refusal.meaning {
                Meaning::Throttled { retry_after, .. } => Some(retry_after),
                Meaning::Unavailable(wait) => wait,
                _ => None,
            },
            _ => None,
        }
    }

    /// The same with what is left of that time.
    fn with_retry_after(mut self, left: Option<Duration>) -> Self {
        match &mut self {
            Self::Upstream(fault) => *fault = fault.clone().with_retry_after(left),
            Self::Refused { refusal, .. } => match &mut refusal.meaning {
                Meaning::Throttled { retry_after, .. } => *retry_after = left.unwrap_or(*retry_after),
                Meaning::Unavailable(wait) => *wait = left,
                _ => {}
            },
            _ => {}
        }
        self
    }
}

/// A token and where it came from, or why there is none.
pub(crate) type Obtained = Result<(Arc<DownstreamToken>, Origin), ExchangeFault>;

impl Outcome for Obtained {
    fn out_of_time() -> Self {
        Err(ExchangeFault::OutOfTime)
    }

    fn is_out_of_time(&self) -> bool {
        match self {
            Err(ExchangeFault::Upstream(fault)) => fault.is_out_of_time(),
            Err(ExchangeFault::Credential(fault)) => *fault == CredentialFault::OutOfTime,
            Err(ExchangeFault::OutOfTime) => true,
            _ => false,
        }
    }
}

/// What the request needs.
#[derive(Debug, Clone)]
pub enum Need {
    /// A token.
    Any,
    /// Another than this, which the downstream API has refused.
    InsteadOf(Arc<DownstreamToken>),
    /// One that satisfies these claims.
    WithClaims(ClaimsChallenge),
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This instance's memory.
    Memory,
    /// The shared store.
    Store,
    /// An exchange, this request's or one that it waited for.
    Exchange,
}

impl Origin {
    /// One word for the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Store => "store",
            Self::Exchange => "exchange",
        }
    }
}

/// Tokens by their callers' own tokens, and the exchanges that failed.
#[derive(Debug)]
pub(crate) struct TokenSource {
    policy: Arc<Policy>,
    credential: Arc<CredentialSource>,
    slots: TokenSlots,
    memory: Locked<Memory>,
    failures: Locked<LruCache<Whose, BackOff<ExchangeFault>>>,
    refused_credential: Locked<Option<(Arc<ClientCredential>, BackOff<ExchangeFault>)>>,
    flights: SingleFlight<(TokenKey, Purpose), Obtained>,
}

/// What a token is remembered by: the caller's own token, and what it is for.
type TokenKey = (AssertionDigest, Downstream);

/// Whose exchanges a failure is about. They get the same failure, without a call, until it is time for another attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    /// Those of one token for one downstream API with the same claims. Other claims can have another outcome.
    Request(TokenKey, Option<ClaimsChallenge>),
    /// Those of one token for one downstream API, whatever is requested.
    Token(TokenKey),
    /// Those of one person.
    Person(Person),
    /// Those of everyone in one directory.
    Directory(Uuid),
}

/// What an exchange under way is good for: those who need a token other than the stored one do not wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Purpose {
    Any,
    Anew,
    WithClaims(ClaimsChallenge),
}

#[derive(Debug)]
struct Memory {
    tokens: LruCache<TokenKey, Arc<DownstreamToken>>,
    bytes: usize,
}

impl TokenSource {
    pub(crate) fn new(policy: Arc<Policy>, store: Arc<SharedStore>, credential: Arc<CredentialSource>) -> Self {
        Self {
            slots: TokenSlots::new(Arc::clone(&policy), store),
            policy,
            credential,
            memory: Locked::new(Memory { tokens: LruCache::new(MAX_TOKENS), bytes: 0 }),
            failures: Locked::new(LruCache::new(MAX_FAILURES)),
            refused_credential: Locked::default(),
            flights: SingleFlight::default(),
        }
    }

    /// A token for `downstream` in the name of `caller`.
    ///
    /// # Errors
    /// [`ExchangeFault::Refused`] if Entra refuses, and whatever can keep an exchange from being made.
    pub(crate) async fn obtain<H: Host>(
        self: &Arc<Self>,
        context: &Context<H>,
        caller: &Arc<VerifiedCaller>,
        downstream: &Downstream,
        need: &Need,
    ) -> Obtained {
        let key = (*caller.digest(), downstream.clone());
        if let Some(token) = self.remembered(&key, need, context.elapsed) {
            if token.is_due(context.elapsed) {
                self.renew_in_background(context, caller, downstream);
            }
            return Ok((token, Origin::Memory));
        }
        let (purpose, claims) = match need {
            Need::Any => (Purpose::Any, None),
            Need::InsteadOf(_) => (Purpose::Anew, None),
            Need::WithClaims(claims) => (Purpose::WithClaims(claims.clone()), Some(claims)),
        };
        let work = async {
            let lease = if matches!(need, Need::Any) {
                let may_exchange = self.pausing(caller, downstream, None, context.host.elapsed()).is_none();
                match self.slots.token_or_lease(context, caller, downstream, may_exchange).await {
                    TokenOrLease::Token(token) => return Ok((self.remember(key.clone(), token), Origin::Store)),
                    TokenOrLease::Lease(lease) => lease,
                }
            } else {
                None
            };
            let exchanged = self.exchange(context, caller, downstream, claims).await;
            let token = exchanged.as_deref().ok();
            match (lease, token) {
                (Some(lease), token) => self.slots.settle(context, caller, lease, token),
                (None, Some(token)) => self.slots.save(context, caller, downstream, token),
                (None, None) => {}
            }
            exchanged.map(|token| (token, Origin::Exchange))
        };
        let obtained = self.flights.run(&context.host, context.deadline, (key.clone(), purpose), work).await;
        if let Ok((token, Origin::Store)) = &obtained
            && token.is_due(context.host.elapsed())
        {
            self.renew_in_background(context, caller, downstream);
        }
        obtained
    }

    /// Forgets a token that the downstream API has refused, here and in the store.
    pub(crate) fn forget<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        refused: &DownstreamToken,
    ) {
        let key = (*caller.digest(), downstream.clone());
        let mut memory = self.memory.lock();
        if memory.tokens.peek(&key).is_some_and(|token| **token != *refused) {
            return;
        }
        memory.remove(&key);
        drop(memory);
        self.slots.clear(context, caller, downstream);
    }

    fn note(&self, whose: Whose, fault: &ExchangeFault, now: Duration, asked_for: Option<Duration>) {
        let mut failures = self.failures.lock();
        failures.get_or_insert_mut(whose, BackOff::default).failed(fault.clone(), now, asked_for);
    }

    fn remembered(&self, key: &TokenKey, need: &Need, now: Duration) -> Option<Arc<DownstreamToken>> {
        let mut memory = self.memory.lock();
        let token = memory.tokens.get(key).filter(|token| token.is_usable(now))?;
        match need {
            Need::Any => Some(Arc::clone(token)),
            Need::InsteadOf(refused) => (token != refused).then(|| Arc::clone(token)),
            Need::WithClaims(_) => None,
        }
    }

    fn remember(&self, key: TokenKey, token: DownstreamToken) -> Arc<DownstreamToken> {
        let token = Arc::new(token);
        self.memory.lock().put(key, Arc::clone(&token));
        token
    }

    /// How the last exchange for this caller failed, while it is too early for another.
    fn pausing(
        &self,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
        now: Duration,
    ) -> Option<ExchangeFault> {
        let mut failures = self.failures.lock();
        let pause = Whose::all(caller, downstream, claims)
            .into_iter()
            .find_map(|whose| failures.get(&whose)?.pausing(now, Duration::ZERO))?;
        Some(pause.error.with_retry_after(pause.retry_after))
    }

    fn note_success(&self, caller: &VerifiedCaller, downstream: &Downstream, claims: Option<&ClaimsChallenge>) {
        let mut failures = self.failures.lock();
        for whose in Whose::all(caller, downstream, claims) {
            failures.pop(&whose);
        }
        *self.refused_credential.lock() = None;
    }

    /// Notes a refusal, for those whose next exchange would end in the same way.
    fn note_refusal(
        &self,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
        refusal: &ExchangeRefusal,
        fault: &ExchangeFault,
        now: Duration,
    ) {
        let key = (*caller.digest(), downstream.clone());
        let whose = match &refusal.meaning {
            Meaning::Throttled { throttle: Throttle::Directory, .. } => Whose::Directory(caller.tenant_id()),
            Meaning::Throttled { throttle: Throttle::Person, .. } => Whose::Person(caller.person()),
            // About Entra, and not about what was requested.
            Meaning::Throttled { throttle: Throttle::Token, .. } | Meaning::Unavailable(_) | Meaning::Unusable => {
                Whose::Token(key)
            }
            _ => Whose::Request(key, claims.cloned()),
        };
        self.note(whose, fault, now, refusal.meaning.pause());
    }

    /// Replaces a token before it expires (`refresh_in`). No request waits for it.
    fn renew_in_background<H: Host>(
        self: &Arc<Self>,
        context: &Context<H>,
        caller: &Arc<VerifiedCaller>,
        downstream: &Downstream,
    ) {
        let flight = ((*caller.digest(), downstream.clone()), Purpose::Any);
        if self.flights.is_running(&flight) {
            return;
        }
        let (source, own) = (Arc::clone(self), context.in_background());
        let (caller, downstream) = (Arc::clone(caller), downstream.clone());
        context.host.spawn(async move {
            let work = async {
                let token = source.exchange(&own, &caller, &downstream, None).await?;
                source.slots.save(&own, &caller, &downstream, &token);
                Ok((token, Origin::Exchange))
            };
            match source.flights.run(&own.host, own.deadline, flight, work).await {
                Ok(_) | Err(ExchangeFault::OutOfTime) => {}
                Err(fault) => {
                    let pause = fault.retry_after().unwrap_or_default().max(RENEWAL_PAUSE);
                    source.postpone(&own, &caller, &downstream, pause);
                }
            }
        });
    }

    /// The current token is used until it expires; other requests, in other instances too, do not renew it for a while.
    fn postpone<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        pause: Duration,
    ) {
        let key = (*caller.digest(), downstream.clone());
        let token = self.memory.lock().tokens.peek(&key).cloned();
        let Some(token) = token else { return };
        let postponed = token.postponed(context.host.elapsed().saturating_add(pause));
        self.slots.save(context, caller, downstream, &postponed);
        self.remember(key, postponed);
    }

    async fn exchange<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
    ) -> Result<Arc<DownstreamToken>, ExchangeFault> {
        let host = &context.host;
        if let Some(fault) = self.pausing(caller, downstream, claims, host.elapsed()) {
            return Err(fault);
        }
        match self.exchange_by_current_credential(context, caller, downstream, claims).await {
            Ok(Ok(token)) => {
                self.note_success(caller, downstream, claims);
                Ok(self.remember((*caller.digest(), downstream.clone()), token))
            }
            Ok(Err(refusal)) => {
                let fault = refused(caller, downstream, &refusal);
                // It concerns everyone, and is noted in `refused_credential`.
                if refusal.meaning != Meaning::CredentialRefused {
                    self.note_refusal(caller, downstream, claims, &refusal, &fault, host.elapsed());
                }
                Err(fault)
            }
            Err(fault) => {
                if let ExchangeFault::Upstream(upstream) = &fault
                    && is_entras(upstream)
                {
                    let whose = Whose::Token((*caller.digest(), downstream.clone()));
                    self.note(whose, &fault, host.elapsed(), upstream.retry_after());
                }
                Err(fault)
            }
        }
    }

    /// Exchanges with the current credential, and with another one if Entra refuses it and the operator has rotated it.
    async fn exchange_by_current_credential<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
    ) -> Result<Result<DownstreamToken, ExchangeRefusal>, ExchangeFault> {
        let Context { host, deadline, .. } = context;
        let mut credential = self.credential.current(host, *deadline).await.map_err(ExchangeFault::Credential)?;
        let known = self.refused_credential.lock().clone();
        if let Some((refused, back_off)) = known.filter(|(refused, _)| refused.is_same(&credential))
            && let Some(pause) = back_off.pausing(host.elapsed(), Duration::ZERO)
        {
            let Some(rotated) = self.credential.instead_of(host, *deadline, &refused).await else {
                return Err(pause.error);
            };
            credential = rotated;
        }
        let mut outcome = self.exchange_by(context, caller, downstream, &credential, claims).await?;
        if is_credential_refused(&outcome)
            && let Some(rotated) = self.credential.instead_of(host, *deadline, &credential).await
        {
            credential = rotated;
            outcome = self.exchange_by(context, caller, downstream, &credential, claims).await?;
        }
        if let Err(refusal) = outcome.as_ref()
            && is_credential_refused(&outcome)
        {
            let mut back_off = BackOff::default();
            back_off.failed(refused(caller, downstream, refusal), host.elapsed(), Some(REFUSED_CREDENTIAL_PAUSE));
            *self.refused_credential.lock() = Some((credential, back_off));
        }
        Ok(outcome)
    }

    async fn exchange_by<H: Host>(
        &self,
        context: &Context<H>,
        caller: &VerifiedCaller,
        downstream: &Downstream,
        credential: &ClientCredential,
        claims: Option<&ClaimsChallenge>,
    ) -> Result<Result<DownstreamToken, ExchangeRefusal>, ExchangeFault> {
        let Context { host, deadline, .. } = context;
        let request = downstream_token::request(context, &self.policy, caller, credential, downstream, claims)
            .map_err(ExchangeFault::Unmade)?;
        let response: Response<Bytes> =
            call::fetch(host, *deadline, STEP, request).await.map_err(ExchangeFault::Upstream)?;
        let asked = Asked { tenant_id: caller.tenant_id(), tenancy: &self.policy.tenancy };
        let mut outcome = downstream_token::parse(&response, host.now(), host.elapsed(), asked);
        if let Err(refusal) = &mut outcome
            && refusal.meaning == Meaning::CredentialRefused
        {
            let remedy = credential.remedy(&codes(response.body()), host.now());
            refusal.summary = format!("{}; {remedy}", refusal.summary);
        }
        Ok(outcome)
    }
}

impl Whose {
    fn all(caller: &VerifiedCaller, downstream: &Downstream, claims: Option<&ClaimsChallenge>) -> [Self; 4] {
        let key = (*caller.digest(), downstream.clone());
        [
            Self::Request(key.clone(), claims.cloned()),
            Self::Token(key),
            Self::Person(caller.person()),
            Self::Directory(caller.tenant_id()),
        ]
    }
}

impl Memory {
    fn remove(&mut self, key: &TokenKey) {
        if let Some(token) = self.tokens.pop(key) {
            self.bytes = self.bytes.saturating_sub(token.bytes());
        }
    }

    fn put(&mut self, key: TokenKey, token: Arc<DownstreamToken>) {
        self.bytes = self.bytes.saturating_add(token.bytes());
        // `push` also returns what it displaced: this caller's older token, or the least recently used one.
        if let Some((_, displaced)) = self.tokens.push(key, token) {
            self.bytes = self.bytes.saturating_sub(displaced.bytes());
        }
        while self.bytes > MAX_BYTES
            && let Some((_, oldest)) = self.tokens.pop_lru()
        {
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
    }
}

fn refused(caller: &VerifiedCaller, downstream: &Downstream, refusal: &ExchangeRefusal) -> ExchangeFault {
    ExchangeFault::Refused { tenant_id: caller.tenant_id(), downstream: downstream.clone(), refusal: refusal.clone() }
}

/// Whether a failed call says something about Entra, and not about the host or the request's own time.
const fn is_entras(fault: &UpstreamFault) -> bool {
    !matches!(fault.kind, FaultKind::Send(SendFault::Denied | SendFault::DeadlinePassed))
}

fn is_credential_refused(outcome: &Result<DownstreamToken, ExchangeRefusal>) -> bool {
    matches!(outcome, Err(refusal) if refusal.meaning == Meaning::CredentialRefused)
}
