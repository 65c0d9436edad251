//! Where a caller's Graph token comes from: this instance's memory, the shared store, an exchange.

use std::{cell::RefCell, num::NonZeroUsize, rc::Rc, time::Duration};

use bytes::Bytes;
use http::Response;
use lru::LruCache;
use uuid::Uuid;

use crate::{
    caller::verified_caller::{AssertionDigest, Person, VerifiedCaller},
    credential::client_credential::ClientCredential,
    exchange::refusal::{Asked, ExchangeRefusal, Meaning, Throttle},
    exchange::slots,
    exchange::token::{self, GraphToken},
    host::{Host, SendFault},
    instance::Context,
    refusal::error::Error,
    upstream::back_off::{BackOff, LONGEST_SILENCE},
    upstream::call::{self, FaultKind, Service, Step, UpstreamFault},
    upstream::single_flight::SingleFlight,
};

/// The exchange takes Entra some hundred milliseconds; a token with many groups is some ten kilobytes.
const STEP: Step =
    Step { service: Service::Entra, name: "exchange", timeout: Duration::from_secs(10), max_body: 128 * 1024 };

/// How many tokens are remembered, and how many bytes of them: an instance on an edge host has 128 MiB in all.
const MAX_TOKENS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// How long a token that is due is left as it is after its renewal failed, unless Entra asks for longer.
const RENEWAL_PAUSE: Duration = LONGEST_SILENCE;

/// How many failures are remembered. Each is of a caller whose token was verified.
const MAX_FAILURES: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// For how long a credential that Entra has refused is not sent again: it counts for every caller alike.
const REFUSED_CREDENTIAL_PAUSE: Duration = Duration::from_secs(10);

/// A token and where it came from, or why there is none.
pub type Obtained = Result<(Rc<GraphToken>, Origin), Error>;

/// What the request needs.
#[derive(Debug, Clone)]
pub enum Need {
    /// A token.
    Any,
    /// Another than this, which Graph has refused.
    InsteadOf(Rc<GraphToken>),
    /// One that satisfies these claims.
    WithClaims(String),
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
pub struct TokenSource {
    memory: RefCell<Memory>,
    failures: RefCell<LruCache<Whose, BackOff<Error>>>,
    refused_credential: RefCell<Option<(Rc<ClientCredential>, BackOff<Error>)>>,
    flights: SingleFlight<(AssertionDigest, Purpose), Obtained>,
}

/// Whose exchanges a failure is about: it is repeated to them, without a call, while it is too early for another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whose {
    /// Those of one token.
    Token(AssertionDigest),
    /// Those of one person.
    Person(Person),
    /// Those of everybody in one directory.
    Directory(Uuid),
}

/// What an exchange under way is good for: those who need a token other than the stored one do not wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Purpose {
    Any,
    Anew,
    WithClaims(String),
}

#[derive(Debug)]
struct Memory {
    tokens: LruCache<AssertionDigest, Rc<GraphToken>>,
    bytes: usize,
}

impl Default for TokenSource {
    fn default() -> Self {
        Self {
            memory: RefCell::new(Memory { tokens: LruCache::new(MAX_TOKENS), bytes: 0 }),
            failures: RefCell::new(LruCache::new(MAX_FAILURES)),
            refused_credential: RefCell::default(),
            // A request that came later has more time than the one whose time has run out.
            flights: SingleFlight::sharing(|outcome: &Obtained| !matches!(outcome, Err(error) if error.is_deadline())),
        }
    }
}

impl TokenSource {
    /// A Graph token for `caller`.
    ///
    /// # Errors
    /// [`Error::Exchange`] if Entra refuses, and whatever can keep an exchange from being made.
    pub async fn obtain<H: Host>(context: &Context<H>, caller: &Rc<VerifiedCaller>, need: &Need) -> Obtained {
        let source = &context.caches.tokens;
        if let Some(token) = source.remembered(caller, need, context.elapsed) {
            if token.is_due(context.elapsed) {
                renew_in_background(context, caller);
            }
            return Ok((token, Origin::Memory));
        }
        let (purpose, claims) = match need {
            Need::Any => (Purpose::Any, None),
            Need::InsteadOf(_) => (Purpose::Anew, None),
            Need::WithClaims(claims) => (Purpose::WithClaims(claims.clone()), Some(claims.as_str())),
        };
        let flight = source.flights.run(&context.host, context.deadline, (*caller.digest(), purpose), async || {
            if matches!(need, Need::Any)
                && let Some(token) = slots::load(context, caller).await
            {
                return Ok((source.remember(caller, token), Origin::Store));
            }
            exchange(context, caller, claims).await.map(|token| (token, Origin::Exchange))
        });
        let obtained = flight.await.unwrap_or(Err(Error::DeadlinePassed));
        if let Ok((token, Origin::Store)) = &obtained
            && token.is_due(context.host.elapsed())
        {
            renew_in_background(context, caller);
        }
        obtained
    }

    /// Forgets a token that Graph has refused, here and in the store.
    pub fn forget<H: Host>(context: &Context<H>, caller: &VerifiedCaller, refused: &GraphToken) {
        let mut memory = context.caches.tokens.memory.borrow_mut();
        if memory.tokens.peek(caller.digest()).is_some_and(|token| **token != *refused) {
            return;
        }
        memory.remove(caller.digest());
        slots::clear(context, caller);
    }

    /// Repeats `error` to the bearers of the caller's token for a while, instead of another exchange: it would end alike.
    pub fn hold_back(&self, caller: &VerifiedCaller, error: &Error, now: Duration, pause: Duration) {
        self.note(Whose::Token(*caller.digest()), error, now, Some(pause));
    }

    fn note(&self, whose: Whose, error: &Error, now: Duration, asked_for: Option<Duration>) {
        let mut failures = self.failures.borrow_mut();
        failures.get_or_insert_mut(whose, BackOff::default).failed(error.clone(), now, asked_for);
    }

    fn remembered(&self, caller: &VerifiedCaller, need: &Need, now: Duration) -> Option<Rc<GraphToken>> {
        let mut memory = self.memory.borrow_mut();
        let token = memory.tokens.get(caller.digest()).filter(|token| token.is_usable(now))?;
        match need {
            Need::Any => Some(Rc::clone(token)),
            Need::InsteadOf(refused) => (token != refused).then(|| Rc::clone(token)),
            Need::WithClaims(_) => None,
        }
    }

    fn remember(&self, caller: &VerifiedCaller, token: GraphToken) -> Rc<GraphToken> {
        let token = Rc::new(token);
        self.memory.borrow_mut().put(*caller.digest(), Rc::clone(&token));
        token
    }

    /// How the last exchange for this caller failed, while it is too early for another.
    fn pausing(&self, caller: &VerifiedCaller, now: Duration) -> Option<Error> {
        let mut failures = self.failures.borrow_mut();
        let pause = Whose::all(caller).find_map(|whose| failures.get(&whose)?.pausing(now, Duration::ZERO))?;
        Some(pause.error.with_retry_after(pause.retry_after))
    }

    fn note_success(&self, caller: &VerifiedCaller) {
        let mut failures = self.failures.borrow_mut();
        for whose in Whose::all(caller) {
            failures.pop(&whose);
        }
        self.refused_credential.replace(None);
    }

    /// Notes a refusal, for those whose next exchange would end alike.
    fn note_refusal(&self, caller: &VerifiedCaller, refusal: &ExchangeRefusal, error: &Error, now: Duration) {
        let whose = match &refusal.meaning {
            Meaning::Throttled { throttle: Throttle::Directory, .. } => Whose::Directory(caller.tenant_id()),
            Meaning::Throttled { throttle: Throttle::Person, .. } => Whose::Person(caller.person()),
            _ => Whose::Token(*caller.digest()),
        };
        self.note(whose, error, now, refusal.meaning.pause());
    }
}

impl Whose {
    fn all(caller: &VerifiedCaller) -> impl Iterator<Item = Self> {
        [Self::Token(*caller.digest()), Self::Person(caller.person()), Self::Directory(caller.tenant_id())].into_iter()
    }
}

impl Memory {
    fn remove(&mut self, digest: &AssertionDigest) {
        if let Some(token) = self.tokens.pop(digest) {
            self.bytes = self.bytes.saturating_sub(token.bytes());
        }
    }

    fn put(&mut self, digest: AssertionDigest, token: Rc<GraphToken>) {
        self.bytes = self.bytes.saturating_add(token.bytes());
        // `push` also gives back what it displaced: the older token of this caller, or the least recently used.
        if let Some((_, displaced)) = self.tokens.push(digest, token) {
            self.bytes = self.bytes.saturating_sub(displaced.bytes());
        }
        while self.bytes > MAX_BYTES
            && let Some((_, oldest)) = self.tokens.pop_lru()
        {
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
    }
}

/// Replaces a token before it expires (`refresh_in`), without letting anyone wait for it.
fn renew_in_background<H: Host>(context: &Context<H>, caller: &Rc<VerifiedCaller>) {
    let purpose = (*caller.digest(), Purpose::Any);
    if context.caches.tokens.flights.is_running(&purpose) {
        return;
    }
    let (own, caller) = (context.with_new_deadline(), Rc::clone(caller));
    context.host.spawn(async move {
        let source = &own.caches.tokens;
        let work = async || exchange(&own, &caller, None).await.map(|token| (token, Origin::Exchange));
        if let Some(Err(error)) = source.flights.run(&own.host, own.deadline, purpose, work).await {
            postpone(&own, &caller, error.retry_after().unwrap_or_default().max(RENEWAL_PAUSE));
        }
    });
}

/// The token at hand is used until it expires; other requests, also of other instances, leave its renewal alone for a
/// while.
fn postpone<H: Host>(context: &Context<H>, caller: &VerifiedCaller, pause: Duration) {
    let source = &context.caches.tokens;
    let Some(token) = source.memory.borrow().tokens.peek(caller.digest()).cloned() else { return };
    let postponed = token.postponed(context.host.elapsed().saturating_add(pause));
    slots::save(context, caller, &postponed);
    source.remember(caller, postponed);
}

async fn exchange<H: Host>(
    context: &Context<H>,
    caller: &VerifiedCaller,
    claims: Option<&str>,
) -> Result<Rc<GraphToken>, Error> {
    let Context { caches, host, .. } = context;
    let source = &caches.tokens;
    if let Some(error) = source.pausing(caller, host.elapsed()) {
        return Err(error);
    }
    match exchange_by_current_credential(context, caller, claims).await {
        Ok(Ok(token)) => {
            source.note_success(caller);
            slots::save(context, caller, &token);
            Ok(source.remember(caller, token))
        }
        Ok(Err(refusal)) => {
            let error = Error::Exchange { tenant_id: caller.tenant_id(), refusal: refusal.clone() };
            // Everybody's, and noted as such.
            if refusal.meaning != Meaning::CredentialRefused {
                source.note_refusal(caller, &refusal, &error, host.elapsed());
            }
            Err(error)
        }
        Err(error) => {
            if let Error::Upstream(fault) = &error
                && is_entras(fault)
            {
                source.note(Whose::Token(*caller.digest()), &error, host.elapsed(), fault.retry_after());
            }
            Err(error)
        }
    }
}

/// Whether a failed call says something of Entra, and not of the host or of the request's own time.
const fn is_entras(fault: &UpstreamFault) -> bool {
    !matches!(fault.kind, FaultKind::Send(SendFault::Denied | SendFault::DeadlinePassed))
}

/// Exchanges by the credential at hand, and by another if Entra refuses that and the operator has rotated it.
async fn exchange_by_current_credential<H: Host>(
    context: &Context<H>,
    caller: &VerifiedCaller,
    claims: Option<&str>,
) -> Result<Result<GraphToken, ExchangeRefusal>, Error> {
    let Context { instance, caches, host, deadline, .. } = context;
    let mut credential = instance.credential.current(host, *deadline).await?;
    let known = caches.tokens.refused_credential.borrow().clone();
    if let Some((refused, back_off)) = known.filter(|(refused, _)| refused.is_same(&credential))
        && let Some(pause) = back_off.pausing(host.elapsed(), Duration::ZERO)
    {
        let Some(rotated) = instance.credential.instead_of(host, *deadline, &refused).await else {
            return Err(pause.error);
        };
        credential = rotated;
    }
    let mut outcome = exchange_by(context, caller, &credential, claims).await?;
    if is_credential_refused(&outcome)
        && let Some(rotated) = instance.credential.instead_of(host, *deadline, &credential).await
    {
        credential = rotated;
        outcome = exchange_by(context, caller, &credential, claims).await?;
    }
    if let Err(refusal) = outcome.as_ref()
        && is_credential_refused(&outcome)
    {
        let error = Error::Exchange { tenant_id: caller.tenant_id(), refusal: refusal.clone() };
        let mut back_off = BackOff::default();
        back_off.failed(error, host.elapsed(), Some(REFUSED_CREDENTIAL_PAUSE));
        caches.tokens.refused_credential.replace(Some((credential, back_off)));
    }
    Ok(outcome)
}

fn is_credential_refused(outcome: &Result<GraphToken, ExchangeRefusal>) -> bool {
    matches!(outcome, Err(refusal) if refusal.meaning == Meaning::CredentialRefused)
}

async fn exchange_by<H: Host>(
    context: &Context<H>,
    caller: &VerifiedCaller,
    credential: &ClientCredential,
    claims: Option<&str>,
) -> Result<Result<GraphToken, ExchangeRefusal>, Error> {
    let Context { host, settings, correlation, deadline, .. } = context;
    let request = token::request(caller, credential, settings, claims, correlation, host.now(), host.random())
        .map_err(|words| Error::Internal(format!("the token request could not be made: {words}")))?;
    let response: Response<Bytes> = call::fetch(host, *deadline, STEP, request).await?;
    let asked = Asked { tenant_id: caller.tenant_id(), tenancy: &settings.tenancy };
    let mut outcome = token::parse(&response, host.now(), host.elapsed(), asked);
    if let Err(refusal) = &mut outcome
        && refusal.meaning == Meaning::CredentialRefused
    {
        refusal.summary = format!("{}; {}", refusal.summary, credential.remedy(host.now()));
    }
    Ok(outcome)
}
