//! Where the signing keys come from: this instance's memory, the shared store, Entra.
//!
//! <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>

use std::{cell::RefCell, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::{
    host::{Host, SendFault, UnixTime},
    instance::Context,
    openid_configuration::{IssuerTemplate, OpenIdConfiguration, address},
    settings::Settings,
    signing_keys::SigningKeys,
    single_flight::SingleFlight,
    unverified_token::TokenVersion,
    upstream::{self, FaultKind, Service, Step, UpstreamFault},
};

/// The metadata document is a few kilobytes, a key set some ten; both get room to grow.
const METADATA: Step = Step {
    service: Service::Entra,
    name: "OpenID configuration",
    timeout: Duration::from_secs(5),
    max_body: 128 * 1024,
};
const KEY_SET: Step =
    Step { service: Service::Entra, name: "key set", timeout: Duration::from_secs(5), max_body: 512 * 1024 };

/// Bounds of what `Cache-Control: max-age` may ask for. Entra says a day; Microsoft asks clients to look hourly, so that
/// a key withdrawn in an emergency is not trusted for long.
const MIN_FRESH_SECONDS: u64 = 300;
const MAX_FRESH_SECONDS: u64 = 3600;

/// The longest that keys are used after Entra was last heard of: last known good keys.
const MAX_AGE_SECONDS: u64 = 24 * 3600;

/// At most one refresh in this time because a token names an unknown key, whether or not it succeeds. Tokens with
/// invented key ids can cause no more calls than this.
const UNKNOWN_KEY_COOLDOWN_SECONDS: u64 = 60;

/// The longest pause after failed fetches. The first failure costs none, then each doubles it from a second on.
const MAX_PAUSE_SECONDS: u64 = 30;

/// The keys of the configured tenancy, for each form of token.
#[derive(Debug, Default)]
pub struct KeySource {
    v1: RefCell<State>,
    v2: RefCell<State>,
    flights: SingleFlight<TokenVersion, Result<Rc<KnownKeys>, UpstreamFault>>,
}

/// Keys and when they were heard of.
#[derive(Debug)]
struct KnownKeys {
    keys: Rc<SigningKeys>,
    fetched: UnixTime,
    fresh_until: UnixTime,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Rc<KnownKeys>>,
    store_asked: bool,
    unknown_key_refresh: Option<UnixTime>,
    failures: u32,
    last_failure: Option<(UnixTime, UpstreamFault)>,
}

/// What to do about a token that names a key.
#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Use,
    UseAndRefresh,
    Refresh,
}

impl KeySource {
    /// The keys to check a token of `version` with that names `key_id`.
    ///
    /// The key may still be unknown: then it was looked for, or had been a moment ago.
    ///
    /// # Errors
    /// An [`UpstreamFault`] if there are no keys at all.
    pub async fn keys<H: Host>(
        context: &Context<H>,
        version: TokenVersion,
        key_id: &str,
    ) -> Result<Rc<SigningKeys>, UpstreamFault> {
        let source = &context.instance.key_source;
        if source.state(version).borrow_mut().asks_store() {
            let loaded = load(context, version).await;
            source.state(version).borrow_mut().offer(loaded);
        }
        let now = context.host.now();
        let decision = source.state(version).borrow_mut().decide(key_id, now);
        let known = source.state(version).borrow().usable(now);
        match (decision, known) {
            (Decision::Use, Some(known)) => Ok(Rc::clone(&known.keys)),
            (Decision::UseAndRefresh, Some(known)) => {
                refresh_beside(context, version);
                Ok(Rc::clone(&known.keys))
            }
            (_, known) => match refresh(context, version).await {
                Ok(fetched) => Ok(Rc::clone(&fetched.keys)),
                Err(fault) => known.map(|known| Rc::clone(&known.keys)).ok_or(fault),
            },
        }
    }

    const fn state(&self, version: TokenVersion) -> &RefCell<State> {
        match version {
            TokenVersion::V1 => &self.v1,
            TokenVersion::V2 => &self.v2,
        }
    }
}

impl State {
    /// Whether to look into the store: once in an instance's life, when its memory is empty.
    const fn asks_store(&mut self) -> bool {
        let first = !self.store_asked && self.known.is_none();
        self.store_asked = true;
        first
    }

    /// Keys that are not too old to be used.
    fn usable(&self, now: UnixTime) -> Option<Rc<KnownKeys>> {
        self.known.as_ref().filter(|known| now.since(known.fetched) < MAX_AGE_SECONDS).cloned()
    }

    fn decide(&mut self, key_id: &str, now: UnixTime) -> Decision {
        let Some(known) = self.usable(now) else { return Decision::Refresh };
        if known.keys.contains(key_id) {
            return if now < known.fresh_until || self.pausing(now).is_some() {
                Decision::Use
            } else {
                Decision::UseAndRefresh
            };
        }
        if self.unknown_key_refresh.is_some_and(|last| now.since(last) < UNKNOWN_KEY_COOLDOWN_SECONDS) {
            return Decision::Use;
        }
        self.unknown_key_refresh = Some(now);
        Decision::Refresh
    }

    /// The last failure, while it is too early to try again.
    fn pausing(&self, now: UnixTime) -> Option<UpstreamFault> {
        let (failed, fault) = self.last_failure.as_ref()?;
        let doublings = self.failures.saturating_sub(1).min(8);
        let pause = 2_u64.saturating_pow(doublings).saturating_sub(1).min(MAX_PAUSE_SECONDS);
        (now.since(*failed) < pause).then(|| fault.clone())
    }

    /// Takes the outcome of a fetch.
    fn note(&mut self, outcome: &Result<Published, UpstreamFault>, now: UnixTime) {
        match outcome {
            Ok(published) => {
                self.known = Some(Rc::clone(&published.known));
                self.failures = 0;
                self.last_failure = None;
            }
            Err(fault) => {
                self.failures = self.failures.saturating_add(1);
                self.last_failure = Some((now, fault.clone()));
            }
        }
    }

    /// Takes keys unless those at hand are as young.
    fn offer(&mut self, known: Option<KnownKeys>) {
        if let Some(offered) = known
            && self.known.as_ref().is_none_or(|known| known.fetched < offered.fetched)
        {
            self.known = Some(Rc::new(offered));
        }
    }
}

fn refresh_beside<H: Host>(context: &Context<H>, version: TokenVersion) {
    if context.instance.key_source.flights.is_running(&version) {
        return;
    }
    let own = context.with_new_deadline();
    context.host.spawn(async move {
        // A failure is remembered in the state, and last known good keys serve on.
        let _ = refresh(&own, version).await;
    });
}

async fn refresh<H: Host>(context: &Context<H>, version: TokenVersion) -> Result<Rc<KnownKeys>, UpstreamFault> {
    let source = &context.instance.key_source;
    let flight = source.flights.run(&context.host, context.deadline, version, async || {
        if let Some(fault) = source.state(version).borrow().pausing(context.host.now()) {
            return Err(fault);
        }
        let fetched = fetch(context, version).await;
        source.state(version).borrow_mut().note(&fetched, context.host.now());
        let Published { known, record } = fetched?;
        save(context, version, record);
        Ok(known)
    });
    flight.await.unwrap_or_else(|| Err(KEY_SET.fault(FaultKind::Send(SendFault::DeadlinePassed))))
}

/// Keys, and what the store keeps of them.
struct Published {
    known: Rc<KnownKeys>,
    record: Record,
}

async fn fetch<H: Host>(context: &Context<H>, version: TokenVersion) -> Result<Published, UpstreamFault> {
    let OpenIdConfiguration { issuer, keys_address } = fetch_configuration(context, version).await?;
    let response = get(context, KEY_SET, &keys_address).await?;
    let fetched = context.host.now();
    let record = Record {
        issuer: issuer.as_str().to_owned(),
        fetched: fetched.0,
        fresh_until: fetched.plus(fresh_seconds(response.headers())).0,
        key_set: String::from_utf8(response.into_body().into())
            .map_err(|_| KEY_SET.unusable("the key set is not UTF-8"))?,
    };
    let known = record.known(version).map_err(|words| KEY_SET.unusable(words))?;
    Ok(Published { known: Rc::new(known), record })
}

async fn fetch_configuration<H: Host>(
    context: &Context<H>,
    version: TokenVersion,
) -> Result<OpenIdConfiguration, UpstreamFault> {
    let authority = &context.settings.authority_host;
    let segment = context.settings.tenancy.authority_segment();
    let published = |response: http::Response<Bytes>| {
        OpenIdConfiguration::parse(response.body(), authority).map_err(|words| METADATA.unusable(words))
    };
    match get(context, METADATA, &address(authority, &segment, version)).await {
        // An authority without v1 documents still signs v1 tokens with the keys of its v2 document, as Microsoft's own
        // validators assume; their issuer is then the documented one.
        Err(UpstreamFault { kind: FaultKind::Unusable(_), .. }) if version == TokenVersion::V1 => {
            let v2 = address(authority, &segment, TokenVersion::V2);
            let configuration = published(get(context, METADATA, &v2).await?)?;
            Ok(OpenIdConfiguration { issuer: IssuerTemplate::of_v1_tokens(authority), ..configuration })
        }
        response => published(response?),
    }
}

async fn get<H: Host>(context: &Context<H>, step: Step, address: &str) -> Result<http::Response<Bytes>, UpstreamFault> {
    let mut request = Request::get(address)
        .header(header::ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|_| step.unusable("the address is not a URL"))?;
    context.correlation.add_to(request.headers_mut());
    let response = upstream::fetch(&context.host, context.deadline, step, request).await?;
    match response.status() {
        StatusCode::OK => Ok(response),
        status if upstream::is_transient(status) || status == StatusCode::TOO_MANY_REQUESTS => {
            let wait = upstream::retry_after(response.headers(), context.host.now());
            Err(step.fault(FaultKind::Unavailable(status, wait)))
        }
        status => Err(step.unusable(format!("status {status}"))),
    }
}

fn fresh_seconds(headers: &HeaderMap) -> u64 {
    headers
        .get_all(header::CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|directive| directive.trim().strip_prefix("max-age=")?.parse().ok())
        .unwrap_or(MAX_FRESH_SECONDS)
        .clamp(MIN_FRESH_SECONDS, MAX_FRESH_SECONDS)
}

/// What the store keeps: the documents as they came.
#[derive(Serialize, Deserialize)]
struct Record {
    issuer: String,
    fetched: u64,
    fresh_until: u64,
    key_set: String,
}

impl Record {
    fn known(&self, version: TokenVersion) -> Result<KnownKeys, &'static str> {
        let issuer = IssuerTemplate::new(self.issuer.clone());
        let keys = SigningKeys::parse(self.key_set.as_bytes(), issuer, version)?;
        Ok(KnownKeys { keys: Rc::new(keys), fetched: UnixTime(self.fetched), fresh_until: UnixTime(self.fresh_until) })
    }
}

fn store_key(version: TokenVersion) -> &'static str {
    match version {
        TokenVersion::V1 => "profile-get.keys.v1",
        TokenVersion::V2 => "profile-get.keys.v2",
    }
}

/// What a stored key set is for: an entry for another authority, tenancy or application does not open.
fn purpose(settings: &Settings, version: TokenVersion) -> String {
    let Settings { authority_host, tenancy, client_id, .. } = settings;
    format!("{}\n{authority_host}\n{}\n{client_id}", store_key(version), tenancy.authority_segment())
}

/// The stored keys. They are sealed by the client credential: whoever could write keys here unsealed could sign tokens.
async fn load<H: Host>(context: &Context<H>, version: TokenVersion) -> Option<KnownKeys> {
    let Context { instance, host, settings, deadline, .. } = context;
    if settings.token_store_slots == 0 {
        return None;
    }
    let credential = instance.credential_source.current(host, *deadline).await.ok()?;
    let purpose = purpose(settings, version);
    let content =
        instance.store.read(host, *deadline, store_key(version), credential.key_material(), purpose.as_bytes()).await?;
    let record: Record = serde_json::from_slice(&content).ok()?;
    // A record from the future would be believed for longer than any other.
    if record.fetched > host.now().0 || record.fresh_until > record.fetched.saturating_add(MAX_FRESH_SECONDS) {
        return None;
    }
    record.known(version).ok()
}

fn save<H: Host>(context: &Context<H>, version: TokenVersion, record: Record) {
    if context.settings.token_store_slots == 0 {
        return;
    }
    let own = context.with_new_deadline();
    context.host.spawn(async move {
        let Context { instance, host, settings, deadline, .. } = &own;
        let Ok(credential) = instance.credential_source.current(host, *deadline).await else { return };
        let Ok(content) = serde_json::to_vec(&record) else { return };
        let purpose = purpose(settings, version);
        instance.store.write(host, store_key(version), credential.key_material(), purpose.as_bytes(), &content).await;
    });
}
