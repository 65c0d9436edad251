//! Where downstream tokens come from: this instance's memory, the shared store, Entra.
//!
//! A person's token comes from an exchange, the application's own from the client credentials grant. Here "exchange"
//! means both: their tokens are remembered, shared and paused in the same way, but never across owners.

use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Response;
use lru::LruCache;
use uuid::Uuid;

use crate::{
    caller::{person::Person, verified_caller::VerifiedCaller},
    claims_challenge::ClaimsChallenge,
    context::Context,
    credential::{client_credential::ClientCredential, fault::CredentialFault, source::CredentialSource},
    exchange::{
        aadsts::Throttle,
        downstream::Downstream,
        issued_token::{self, IssuedToken},
        owner::{Owner, OwnerId},
        refusal::{Asked, ExchangeRefusal, Meaning, codes},
        request::request,
        slots::{Found, TokenSlots},
        tokens::{ApplicationToken, DownstreamToken, Need},
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
const STEP_OF_APPLICATION: Step = Step { name: "client credentials", ..STEP };

/// How many tokens are remembered, and how many bytes of them: an instance on an edge host has 128 MiB in all.
const MAX_TOKENS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// How long a token that is due is left as it is after its renewal failed, unless Entra asks for longer.
const RENEWAL_PAUSE: Duration = LONGEST_SILENCE;

/// How many failures are remembered. Each is of a caller whose token was verified, or of the application itself.
const MAX_FAILURES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// For how long a credential that Entra has refused is not sent again, for any caller.
const REFUSED_CREDENTIAL_PAUSE: Duration = Duration::from_secs(10);

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExchangeFault {
    /// Entra refused the token request.
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
            Self::Refused { refusal, .. } => write!(formatter, "Entra refused the token request: {}", refusal.summary),
            Self::Upstream(fault) => fault.fmt(formatter),
            Self::Credential(fault) => fault.fmt(formatter),
            Self::OutOfTime => formatter.write_str("the request ran out of time"),
            Self::Unmade(words) => write!(formatter, "the token request could not be made: {words}"),
        }
    }
}

impl ExchangeFault {
    /// Entra's refusal, if it is one.
    const fn refusal(&self) -> Option<&ExchangeRefusal> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

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
pub(crate) type Obtained = Result<(Arc<IssuedToken>, Origin), ExchangeFault>;

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

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This instance's memory.
    Memory,
    /// The shared store.
    Store,
    /// Entra: an exchange, this request's or one that it waited for, or client credentials.
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

/// Tokens by their owners, and the exchanges that failed.
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

/// What a token is remembered by: whose it is, and what it is for.
type TokenKey = (OwnerId, Downstream);

/// Whose exchanges a failure is about. They get the same failure, without a call, until it is time for another attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    /// Those of one token for one downstream API with the same claims. Other claims can have another outcome.
    Request(TokenKey, Option<ClaimsChallenge>),
    /// Those of one token for one downstream API with any claims. Some APIs ask for other claims each time.
    WithClaims(TokenKey),
    /// Those of one token for one downstream API, whatever is requested.
    Token(TokenKey),
    /// Those of one person.
    Person(Person),
    /// Those of the application itself in one directory.
    Application(Uuid),
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
    tokens: LruCache<TokenKey, Arc<IssuedToken>>,
    bytes: usize,
}

impl TokenSource {
    pub(crate) fn new(policy: Arc<Policy>, store: Arc<SharedStore>, credential: Arc<CredentialSource>) -> Self {
        Self {
            slots: TokenSlots::new(Arc::clone(&policy), store, Arc::clone(&credential)),
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
    pub(crate) async fn of_person<H: Host>(
        self: &Arc<Self>,
        context: &Context<H>,
        caller: &Arc<VerifiedCaller>,
        downstream: &Downstream,
        need: &Need,
    ) -> Result<(DownstreamToken, Origin), ExchangeFault> {
        let owner = Owner::Person(Arc::clone(caller));
        let (token, origin) =
            self.obtain(context, &owner, downstream, &need.of_issued(DownstreamToken::issued)).await?;
        Ok((DownstreamToken::new(token), origin))
    }

    /// The application's own token for `downstream` in the directory `tenant_id`.
    ///
    /// # Errors
    /// As those of [`TokenSource::of_person`].
    pub(crate) async fn of_application<H: Host>(
        self: &Arc<Self>,
        context: &Context<H>,
        tenant_id: Uuid,
        downstream: &Downstream,
        need: &Need<ApplicationToken>,
    ) -> Result<(ApplicationToken, Origin), ExchangeFault> {
        let (owner, need) = (Owner::Application(tenant_id), need.of_issued(ApplicationToken::issued));
        let (token, origin) = self.obtain(context, &owner, downstream, &need).await?;
        Ok((ApplicationToken::new(token), origin))
    }

    async fn obtain<H: Host>(
        self: &Arc<Self>,
        context: &Context<H>,
        owner: &Owner,
        downstream: &Downstream,
        need: &Need<Arc<IssuedToken>>,
    ) -> Obtained {
        let key = (owner.id(), downstream.clone());
        if let Some(token) = self.remembered(&key, need, context.elapsed) {
            if token.is_due(context.elapsed) {
                self.renew_in_background(context, owner, downstream);
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
                let may_exchange = self.pausing(owner, downstream, None, context.host.elapsed()).is_none();
                match self.slots.find_or_lease(context, owner, downstream, may_exchange).await {
                    Found::Token(token) => return Ok((self.remember(key.clone(), token), Origin::Store)),
                    Found::Refusal(refusal) => return Err(refused(owner, downstream, refusal)),
                    Found::Lease(lease) => lease,
                }
            } else {
                None
            };
            let exchanged = self.exchange(context, owner, downstream, claims).await;
            match (lease, exchanged.as_deref()) {
                (Some(lease), outcome) => {
                    self.slots.settle(context, owner, lease, outcome.map_err(ExchangeFault::refusal));
                }
                (None, Ok(token)) => self.slots.save(context, owner, downstream, token),
                (None, Err(_)) => {}
            }
            exchanged.map(|token| (token, Origin::Exchange))
        };
        // On the heap, because most requests find their token above, and need not carry around what an exchange takes.
        let run = self.flights.run(&context.host, context.deadline, (key.clone(), purpose), work);
        let obtained = Box::pin(run).await;
        if let Ok((token, Origin::Store)) = &obtained
            && token.is_due(context.host.elapsed())
        {
            self.renew_in_background(context, owner, downstream);
        }
        obtained
    }

    /// Forgets a token that the downstream API has refused, here and in the store.
    pub(crate) fn forget_of_person<H: Host>(
        &self,
        context: &Context<H>,
        caller: &Arc<VerifiedCaller>,
        downstream: &Downstream,
        refused: &DownstreamToken,
    ) {
        let owner = Owner::Person(Arc::clone(caller));
        let key = (owner.id(), downstream.clone());
        let mut memory = self.memory.lock();
        if memory.tokens.peek(&key).is_some_and(|token| **token != **refused.issued()) {
            return;
        }
        memory.remove(&key);
        drop(memory);
        self.slots.clear(context, &owner, downstream);
    }

    fn note(&self, whose: Whose, fault: &ExchangeFault, now: Duration, asked_for: Option<Duration>) {
        let mut failures = self.failures.lock();
        failures.get_or_insert_mut(whose, BackOff::default).failed(fault.clone(), now, asked_for);
    }

    fn remembered(&self, key: &TokenKey, need: &Need<Arc<IssuedToken>>, now: Duration) -> Option<Arc<IssuedToken>> {
        let mut memory = self.memory.lock();
        let token = memory.tokens.get(key).filter(|token| token.is_usable(now))?;
        match need {
            Need::Any => Some(Arc::clone(token)),
            Need::InsteadOf(refused) => (token != refused).then(|| Arc::clone(token)),
            Need::WithClaims(_) => None,
        }
    }

    fn remember(&self, key: TokenKey, token: IssuedToken) -> Arc<IssuedToken> {
        let token = Arc::new(token);
        self.memory.lock().put(key, Arc::clone(&token));
        token
    }

    /// How the last such exchange of this owner failed, while it is too early for another.
    fn pausing(
        &self,
        owner: &Owner,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
        now: Duration,
    ) -> Option<ExchangeFault> {
        let mut failures = self.failures.lock();
        let pause = Whose::all(owner, downstream, claims)
            .find_map(|whose| failures.get(&whose)?.pausing(now, Duration::ZERO))?;
        Some(pause.error.with_retry_after(pause.retry_after))
    }

    fn note_success(&self, owner: &Owner, downstream: &Downstream, claims: Option<&ClaimsChallenge>) {
        let mut failures = self.failures.lock();
        for whose in Whose::all(owner, downstream, claims) {
            failures.pop(&whose);
        }
        *self.refused_credential.lock() = None;
    }

    /// Notes a refusal, for those whose next exchange would end in the same way.
    fn note_refusal(
        &self,
        owner: &Owner,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
        refusal: &ExchangeRefusal,
        fault: &ExchangeFault,
        now: Duration,
    ) {
        let key = (owner.id(), downstream.clone());
        let whose = match &refusal.meaning {
            Meaning::Throttled { throttle: Throttle::Directory, .. } => Whose::Directory(owner.tenant_id()),
            Meaning::Throttled { throttle: Throttle::Person, .. } => Whose::requester(owner),
            // About Entra, and not about what was requested.
            Meaning::Throttled { throttle: Throttle::Token, .. } | Meaning::Unavailable(_) | Meaning::Unusable => {
                Whose::Token(key)
            }
            _ => {
                if claims.is_some() {
                    self.note(Whose::WithClaims(key.clone()), fault, now, None);
                }
                Whose::Request(key, claims.cloned())
            }
        };
        self.note(whose, fault, now, refusal.meaning.pause());
    }

    /// Replaces a token before it expires (`refresh_in`). No request waits for it.
    fn renew_in_background<H: Host>(self: &Arc<Self>, context: &Context<H>, owner: &Owner, downstream: &Downstream) {
        let flight = ((owner.id(), downstream.clone()), Purpose::Any);
        if self.flights.is_running(&flight) {
            return;
        }
        let (source, own) = (Arc::clone(self), context.in_background());
        let (owner, downstream) = (owner.clone(), downstream.clone());
        context.host.spawn(async move {
            let work = async {
                let token = source.exchange(&own, &owner, &downstream, None).await?;
                source.slots.save(&own, &owner, &downstream, &token);
                Ok((token, Origin::Exchange))
            };
            match source.flights.run(&own.host, own.deadline, flight, work).await {
                Ok(_) | Err(ExchangeFault::OutOfTime) => {}
                Err(fault) => {
                    let pause = fault.retry_after().unwrap_or_default().max(RENEWAL_PAUSE);
                    source.postpone(&own, &owner, &downstream, pause);
                }
            }
        });
    }

    /// The current token is used until it expires; other requests, in other instances too, do not renew it for a while.
    fn postpone<H: Host>(&self, context: &Context<H>, owner: &Owner, downstream: &Downstream, pause: Duration) {
        let key = (owner.id(), downstream.clone());
        let token = self.memory.lock().tokens.peek(&key).cloned();
        let Some(token) = token else { return };
        let postponed = token.postponed(context.host.elapsed().saturating_add(pause));
        self.slots.save(context, owner, downstream, &postponed);
        self.remember(key, postponed);
    }

    async fn exchange<H: Host>(
        &self,
        context: &Context<H>,
        owner: &Owner,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
    ) -> Result<Arc<IssuedToken>, ExchangeFault> {
        let host = &context.host;
        if let Some(fault) = self.pausing(owner, downstream, claims, host.elapsed()) {
            return Err(fault);
        }
        match self.exchange_by_current_credential(context, owner, downstream, claims).await {
            Ok(Ok(token)) => {
                self.note_success(owner, downstream, claims);
                Ok(self.remember((owner.id(), downstream.clone()), token))
            }
            Ok(Err(refusal)) => {
                let fault = refused(owner, downstream, refusal.clone());
                // It concerns everyone, and is noted in `refused_credential`.
                if refusal.meaning != Meaning::CredentialRefused {
                    self.note_refusal(owner, downstream, claims, &refusal, &fault, host.elapsed());
                }
                Err(fault)
            }
            Err(fault) => {
                if let ExchangeFault::Upstream(upstream) = &fault
                    && is_entras(upstream)
                {
                    let whose = Whose::Token((owner.id(), downstream.clone()));
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
        owner: &Owner,
        downstream: &Downstream,
        claims: Option<&ClaimsChallenge>,
    ) -> Result<Result<IssuedToken, ExchangeRefusal>, ExchangeFault> {
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
        let mut outcome = self.exchange_by(context, owner, downstream, &credential, claims).await?;
        if is_credential_refused(&outcome)
            && let Some(rotated) = self.credential.instead_of(host, *deadline, &credential).await
        {
            credential = rotated;
            outcome = self.exchange_by(context, owner, downstream, &credential, claims).await?;
        }
        if let Err(refusal) = outcome.as_ref()
            && is_credential_refused(&outcome)
        {
            let mut back_off = BackOff::default();
            back_off.failed(
                refused(owner, downstream, refusal.clone()),
                host.elapsed(),
                Some(REFUSED_CREDENTIAL_PAUSE),
            );
            *self.refused_credential.lock() = Some((credential, back_off));
        }
        Ok(outcome)
    }

    async fn exchange_by<H: Host>(
        &self,
        context: &Context<H>,
        owner: &Owner,
        downstream: &Downstream,
        credential: &ClientCredential,
        claims: Option<&ClaimsChallenge>,
    ) -> Result<Result<IssuedToken, ExchangeRefusal>, ExchangeFault> {
        let Context { host, deadline, .. } = context;
        let request =
            request(context, &self.policy, owner, credential, downstream, claims).map_err(ExchangeFault::Unmade)?;
        let step = match owner {
            Owner::Person(_) => STEP,
            Owner::Application(_) => STEP_OF_APPLICATION,
        };
        let response: Response<Bytes> =
            call::fetch(host, *deadline, step, request).await.map_err(ExchangeFault::Upstream)?;
        let asked = Asked { tenant_id: owner.tenant_id(), tenancy: &self.policy.tenancy };
        let mut outcome = issued_token::parse(&response, host.now(), host.elapsed(), asked);
        if let (Owner::Application(_), Err(refusal)) = (owner, &mut outcome) {
            refusal.meaning = refusal.meaning.clone().of_application();
        }
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
    /// Those of the person or the application, with any token.
    fn requester(owner: &Owner) -> Self {
        match owner {
            Owner::Person(caller) => Self::Person(caller.person()),
            Owner::Application(tenant_id) => Self::Application(*tenant_id),
        }
    }

    fn all(owner: &Owner, downstream: &Downstream, claims: Option<&ClaimsChallenge>) -> impl Iterator<Item = Self> {
        let key = (owner.id(), downstream.clone());
        let all = [
            Some(Self::Request(key.clone(), claims.cloned())),
            claims.map(|_| Self::WithClaims(key.clone())),
            Some(Self::Token(key)),
            Some(Self::requester(owner)),
            Some(Self::Directory(owner.tenant_id())),
        ];
        all.into_iter().flatten()
    }
}

impl Memory {
    fn remove(&mut self, key: &TokenKey) {
        if let Some(token) = self.tokens.pop(key) {
            self.bytes = self.bytes.saturating_sub(token.bytes());
        }
    }

    fn put(&mut self, key: TokenKey, token: Arc<IssuedToken>) {
        self.bytes = self.bytes.saturating_add(token.bytes());
        // `push` also returns what it displaced: this owner's older token, or the least recently used one.
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

fn refused(owner: &Owner, downstream: &Downstream, refusal: ExchangeRefusal) -> ExchangeFault {
    ExchangeFault::Refused { tenant_id: owner.tenant_id(), downstream: downstream.clone(), refusal }
}

/// Whether a failed call says something about Entra, and not about the host or the request's own time.
const fn is_entras(fault: &UpstreamFault) -> bool {
    !matches!(fault.kind, FaultKind::Send(SendFault::Denied(_) | SendFault::DeadlinePassed))
}

fn is_credential_refused(outcome: &Result<IssuedToken, ExchangeRefusal>) -> bool {
    matches!(outcome, Err(refusal) if refusal.meaning == Meaning::CredentialRefused)
}
