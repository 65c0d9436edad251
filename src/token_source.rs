//! Where a caller's Graph token comes from: this instance's memory, the shared store, an exchange.

use std::{cell::RefCell, collections::HashMap, num::NonZeroUsize, rc::Rc, time::Duration};

use bytes::Bytes;
use http::Response;
use lru::LruCache;
use uuid::Uuid;

use crate::{
    caller::{AssertionDigest, VerifiedCaller},
    client_credential::ClientCredential,
    error::Error,
    exchange_refusal::{ExchangeRefusal, Meaning},
    graph_token::{self, GraphToken},
    host::{Host, UnixTime},
    instance::Context,
    single_flight::SingleFlight,
    token_slots,
    upstream::{self, Service, Step},
};

/// The exchange takes Entra some hundred milliseconds; a token with many groups is some ten kilobytes.
const STEP: Step =
    Step { service: Service::Entra, name: "exchange", timeout: Duration::from_secs(10), max_body: 128 * 1024 };

/// How many tokens are remembered, and how many bytes of them: an instance on an edge host has 128 MiB in all.
const MAX_TOKENS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// How long a token that is due is left as it is after its renewal failed, unless Entra asks for longer.
const RENEWAL_PAUSE: Duration = Duration::from_secs(60);

/// How many tokens that Entra wants left alone for a while are remembered.
const MAX_BLOCKED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

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

/// Tokens by their callers' own tokens, and what Entra asked to be left alone with.
#[derive(Debug)]
pub struct TokenSource {
    memory: RefCell<Memory>,
    throttled: RefCell<HashMap<Uuid, UnixTime>>,
    blocked: RefCell<LruCache<AssertionDigest, UnixTime>>,
    flights: SingleFlight<(AssertionDigest, Purpose), Obtained>,
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
            throttled: RefCell::default(),
            blocked: RefCell::new(LruCache::new(MAX_BLOCKED)),
            // Who came later has more time than the one whose time was over.
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
        let source = &context.instance.token_source;
        if let Some(token) = source.remembered(caller, need, context.now) {
            if token.is_due(context.now) {
                renew_beside(context, caller);
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
                && let Some(token) = token_slots::load(context, caller).await
            {
                return Ok((source.remember(caller, token), Origin::Store));
            }
            exchange(context, caller, claims).await.map(|token| (token, Origin::Exchange))
        });
        let obtained = flight.await.unwrap_or(Err(Error::DeadlinePassed));
        if let Ok((token, Origin::Store)) = &obtained
            && token.is_due(context.host.now())
        {
            renew_beside(context, caller);
        }
        obtained
    }

    /// Forgets a token that Graph has refused, here and in the store.
    pub fn forget<H: Host>(context: &Context<H>, caller: &VerifiedCaller, refused: &GraphToken) {
        let mut memory = context.instance.token_source.memory.borrow_mut();
        if memory.tokens.peek(caller.digest()).is_some_and(|token| **token != *refused) {
            return;
        }
        memory.remove(caller.digest());
        token_slots::clear(context, caller);
    }

    fn remembered(&self, caller: &VerifiedCaller, need: &Need, now: UnixTime) -> Option<Rc<GraphToken>> {
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

    /// How long Entra wants no exchange of this directory, or of this token.
    fn still_throttled(&self, caller: &VerifiedCaller, now: UnixTime) -> Option<Duration> {
        let directory = self.throttled.borrow().get(&caller.tenant_id()).copied();
        let this_token = self.blocked.borrow_mut().get(caller.digest()).copied();
        let until = directory.max(this_token)?;
        (now < until).then(|| Duration::from_secs(until.since(now)))
    }

    fn note_refusal(&self, caller: &VerifiedCaller, refusal: &ExchangeRefusal, now: UnixTime) {
        if let Meaning::Throttled { retry_after, this_token_only } = refusal.meaning {
            let until = now.plus(retry_after.as_secs().max(1));
            if this_token_only {
                self.blocked.borrow_mut().put(*caller.digest(), until);
            } else {
                // As many entries at most as directories may call.
                self.throttled.borrow_mut().insert(caller.tenant_id(), until);
            }
        }
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

/// Replaces a token before its time is over (`refresh_in`), without letting anyone wait for it.
fn renew_beside<H: Host>(context: &Context<H>, caller: &Rc<VerifiedCaller>) {
    let purpose = (*caller.digest(), Purpose::Any);
    if context.instance.token_source.flights.is_running(&purpose) {
        return;
    }
    let (own, caller) = (context.with_new_deadline(), Rc::clone(caller));
    context.host.spawn(async move {
        let source = &own.instance.token_source;
        let work = async || exchange(&own, &caller, None).await.map(|token| (token, Origin::Exchange));
        if let Some(Err(error)) = source.flights.run(&own.host, own.deadline, purpose, work).await {
            postpone(&own, &caller, error.retry_after().unwrap_or_default().max(RENEWAL_PAUSE));
        }
    });
}

/// The token at hand serves until its end; other requests, also of other instances, leave its renewal alone for a while.
fn postpone<H: Host>(context: &Context<H>, caller: &VerifiedCaller, pause: Duration) {
    let source = &context.instance.token_source;
    let Some(token) = source.memory.borrow().tokens.peek(caller.digest()).cloned() else { return };
    let postponed = token.postponed(context.host.now().plus(pause.as_secs()));
    token_slots::save(context, caller, &postponed);
    source.remember(caller, postponed);
}

async fn exchange<H: Host>(
    context: &Context<H>,
    caller: &VerifiedCaller,
    claims: Option<&str>,
) -> Result<Rc<GraphToken>, Error> {
    let Context { instance, host, deadline, .. } = context;
    let source = &instance.token_source;
    if let Some(wait) = source.still_throttled(caller, host.now()) {
        return Err(Error::StillThrottled(wait));
    }
    let credential = instance.credential_source.current(host, *deadline).await?;
    let mut outcome = exchange_by(context, caller, &credential, claims).await?;
    if let Err(refusal) = &outcome
        && refusal.meaning == Meaning::CredentialRefused
        && let Some(rotated) = instance.credential_source.instead_of(host, *deadline, &credential).await
    {
        outcome = exchange_by(context, caller, &rotated, claims).await?;
    }
    match outcome {
        Ok(token) => {
            token_slots::save(context, caller, &token);
            Ok(source.remember(caller, token))
        }
        Err(refusal) => {
            source.note_refusal(caller, &refusal, host.now());
            Err(Error::Exchange { tenant_id: caller.tenant_id(), refusal })
        }
    }
}

async fn exchange_by<H: Host>(
    context: &Context<H>,
    caller: &VerifiedCaller,
    credential: &ClientCredential,
    claims: Option<&str>,
) -> Result<Result<GraphToken, ExchangeRefusal>, Error> {
    let Context { host, settings, correlation, deadline, .. } = context;
    let request = graph_token::request(caller, credential, settings, claims, correlation, host.now(), host.random())
        .map_err(|words| Error::Internal(format!("the token request could not be made: {words}")))?;
    let response: Response<Bytes> = upstream::fetch(host, *deadline, STEP, request).await?;
    Ok(graph_token::parse(&response, host.now()))
}
