//! Component variables to settings, every fault at once.

mod address;
mod application_id_uri;
mod ids;
mod scopes;

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, time::Duration};

use futures::future::join_all;
use http::HeaderValue;
use uuid::Uuid;

use crate::{
    host::{Host, VariableUnavailable},
    upstream::call::{Deadline, within},
};

/// The variable that is read first, since it bounds the reading of the others.
const REQUEST_TIMEOUT: &str = "request_timeout";

/// The names of the variables, all of which `spin.toml` gives to the component. `client_secret` is read apart, when it
/// is needed: see `credential_source`.
const NAMES: [&str; 13] = [
    "tenant_id",
    "client_id",
    "application_id_uris",
    "authority_host",
    "graph_url",
    "required_scope",
    "graph_scopes",
    "allowed_tenants",
    "allowed_clients",
    "allowed_origins",
    REQUEST_TIMEOUT,
    "token_store_slots",
    "server_timing",
];

/// What the operator has set, checked.
#[derive(Debug)]
pub struct Settings {
    /// Whose people may call.
    pub tenancy: Tenancy,
    /// The API's own application (client) id.
    pub client_id: Uuid,
    /// The URIs by which clients may name this API, as registered, besides `api://` and its id.
    pub application_id_uris: Vec<String>,
    /// `scheme://host[:port]` of Entra, without a slash at the end.
    pub authority_host: String,
    /// `scheme://host[:port]` of Microsoft Graph, without a slash at the end.
    pub graph_url: String,
    /// Scopes of which the caller's token must hold one, without any prefix.
    pub required_scopes: Vec<String>,
    /// What is asked of Entra for Graph, separated by spaces.
    pub graph_scopes: String,
    /// The applications that may call; empty means any.
    pub allowed_clients: Vec<Uuid>,
    /// The browser origins that may call.
    pub allowed_origins: Vec<HeaderValue>,
    /// The longest that one request may take.
    pub request_timeout: Duration,
    /// How many Graph tokens the shared store holds at most; zero keeps them out of it.
    pub token_store_slots: u32,
    /// Whether answers carry a `Server-Timing` header.
    pub server_timing: bool,
}

/// Whose tokens are accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum Tenancy {
    /// One directory's.
    Single(Uuid),
    /// Those of a list of directories, whose people sign in through `organizations` or `common`.
    Several {
        /// The word that stands for the directory in Entra's addresses.
        authority: &'static str,
        /// The directories.
        allowed: Vec<Uuid>,
    },
}

impl Tenancy {
    /// The path segment under which Entra publishes the metadata that tokens are checked against.
    #[must_use]
    pub fn authority_segment(&self) -> String {
        match self {
            Self::Single(tenant) => tenant.to_string(),
            Self::Several { authority, .. } => (*authority).to_owned(),
        }
    }

    /// Whether people of `tenant` may call.
    #[must_use]
    pub fn admits(&self, tenant: Uuid) -> bool {
        match self {
            Self::Single(only) => *only == tenant,
            Self::Several { allowed, .. } => allowed.contains(&tenant),
        }
    }
}

/// Everything that is wrong with the variables, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFaults(pub BTreeMap<&'static str, SettingFault>);

/// What is wrong with one of them. Never its value, which may be a secret that was set in the wrong place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingFault {
    /// Its value: what to set.
    Wrong(String),
    /// It could not be read: the host's own words.
    Unreadable(String),
}

impl SettingsFaults {
    /// Whether nothing is known to be set wrongly: another reading may do better.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.0.values().all(|fault| matches!(fault, SettingFault::Unreadable(_)))
    }
}

impl fmt::Display for SettingsFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.0.iter().map(|(name, fault)| match fault {
            SettingFault::Wrong(fault) => format!("{name}: {fault}"),
            SettingFault::Unreadable(reason) => format!("{name}: {}", unreadable(name, reason)),
        });
        formatter.write_str(&faults.collect::<Vec<_>>().join("; "))
    }
}

/// The host's reason for a variable that was not answered in time.
pub(crate) const NO_ANSWER: &str = "no answer in time";

/// What to do about a variable that could not be read. Of a vault the host says only that it failed, and a vault ends the
/// search for a variable whether it holds the name or not.
#[must_use]
pub fn unreadable(name: &str, reason: &str) -> String {
    let remedy = if reason.contains(NO_ANSWER) {
        "its provider did not answer: check vault_url in the runtime configuration, DNS and the network"
    } else if !reason.contains("Key Vault") {
        "set it, or fix the provider that holds it"
    } else if name == "clientsecret" {
        "the vault has no secret of this name, or refused to give it: check vault_url in the runtime configuration, the \
         secret's name, and that the identity of the host has the role Key Vault Secrets User"
    } else {
        "no provider before Key Vault sets it: put it in the static provider of the runtime configuration"
    };
    format!("could not be read ({reason}); {remedy}")
}

impl Settings {
    /// Whether keys and tokens that were fetched under other settings are the same under these.
    #[must_use]
    pub fn shares_caches_with(&self, other: &Self) -> bool {
        self.authority_host == other.authority_host
            && self.tenancy == other.tenancy
            && self.client_id == other.client_id
            && self.graph_scopes == other.graph_scopes
            && self.graph_url == other.graph_url
    }

    /// Reads every variable but the secret and checks them, for a request that began at this moment of
    /// [`Host::elapsed`]: the time that a request may take is read first, and no wait exceeds it or `limit`; the others
    /// are read at the same time.
    ///
    /// # Errors
    /// All faults together, each with what to set.
    pub async fn read<H: Host>(host: &H, begun: Duration, limit: Duration) -> Result<Self, SettingsFaults> {
        let by = Deadline::after(begun, limit);
        let timeout = read_variable(host, REQUEST_TIMEOUT, by).await;
        let of_request = timeout.1.as_deref().ok().and_then(|text| request_timeout(text).ok());
        let by = of_request.map_or(by, |of_request| Deadline::after(begun, limit.min(of_request)));
        let others = NAMES.into_iter().filter(|name| *name != REQUEST_TIMEOUT);
        let mut values = join_all(others.map(|name| read_variable(host, name, by))).await;
        values.push(timeout);
        Self::parse(values.into_iter().collect())
    }

    fn parse(values: BTreeMap<&'static str, Value>) -> Result<Self, SettingsFaults> {
        let mut reader = Reader { values, faults: BTreeMap::new() };
        let allowed_tenants = reader.read("allowed_tenants", ids::tenants);
        let known = reader.if_good("allowed_tenants", &allowed_tenants);
        let tenancy = reader.read("tenant_id", |text| ids::tenancy(text, known));
        let known_tenancy = reader.if_good("tenant_id", &tenancy);
        let client_id = reader.read("client_id", |text| ids::client(text, known_tenancy));
        let known_client = reader.if_good("client_id", &client_id).copied();
        let application_id_uris =
            reader.read("application_id_uris", |text| application_id_uri::list_of(text, known_client));
        let authority_host = reader.read("authority_host", address::authority_host);
        let known = reader.if_good("authority_host", &authority_host).map(String::as_str);
        let graph_url = reader.read("graph_url", |text| address::graph_url(text, known));
        let known = reader.if_good("graph_url", &graph_url).map(String::as_str);
        let graph_scopes = reader.read("graph_scopes", |text| scopes::of_graph(text, known));
        let uris = reader.if_good("application_id_uris", &application_id_uris);
        let prefixes =
            uris.zip(known_client).map(|(uris, client_id)| scopes::Prefixes { client_id, application_id_uris: uris });
        let required_scopes =
            reader.read("required_scope", |text| scopes::required(text, prefixes.as_ref(), &graph_scopes));
        let settings = Self {
            allowed_clients: reader.read("allowed_clients", |text| ids::clients(text, known_tenancy)),
            allowed_origins: reader.read("allowed_origins", |text| list(text, address::browser_origin)),
            request_timeout: reader.read(REQUEST_TIMEOUT, request_timeout),
            token_store_slots: reader.read("token_store_slots", token_store_slots),
            server_timing: reader.read("server_timing", on_or_off),
            tenancy,
            client_id,
            application_id_uris,
            authority_host,
            graph_url,
            required_scopes,
            graph_scopes,
        };
        if matches!(settings.tenancy, Tenancy::Single(_)) && reader.is_good("tenant_id") && !allowed_tenants.is_empty()
        {
            reader.blame(
                "allowed_tenants",
                "goes with tenant_id = organizations or common only; leave it empty or change tenant_id",
            );
        }
        if settings.application_id_uris.iter().any(|uri| settings.ends_with_a_scope(uri)) {
            reader.blame("application_id_uris", "ends with the name of a scope; list the URI without it");
        }
        if reader.faults.is_empty() { Ok(settings) } else { Err(SettingsFaults(reader.faults)) }
    }

    fn ends_with_a_scope(&self, uri: &str) -> bool {
        self.required_scopes.iter().any(|scope| uri.strip_suffix(scope).is_some_and(|rest| rest.ends_with('/')))
    }

    /// The scopes as clients ask Entra for them: a bare name would be taken for a permission of Microsoft Graph.
    #[must_use]
    pub fn scopes_to_ask_for(&self) -> String {
        let own = format!("api://{}", self.client_id);
        let uri = self.application_id_uris.first().unwrap_or(&own);
        self.required_scopes.iter().map(|scope| format!("{uri}/{scope}")).collect::<Vec<_>>().join(" ")
    }
}

/// A variable's value, or why it could not be read.
type Value = Result<String, VariableUnavailable>;

async fn read_variable<H: Host>(host: &H, name: &'static str, by: Deadline) -> (&'static str, Value) {
    let value = within(host, by.remaining(host), host.variable(name)).await;
    (name, value.unwrap_or_else(|_| Err(VariableUnavailable(NO_ANSWER.to_owned()))))
}

/// Takes values by name and gathers what is wrong with them.
struct Reader {
    values: BTreeMap<&'static str, Value>,
    faults: BTreeMap<&'static str, SettingFault>,
}

impl Reader {
    /// The parsed value, or the type's default beside a fault on the list.
    fn read<T: Default>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        let parsed = self.text(name).and_then(|text| parse(&text).map_err(SettingFault::Wrong));
        parsed.unwrap_or_else(|fault| {
            self.faults.insert(name, fault);
            T::default()
        })
    }

    /// The value as it was set, if it can be any setting's.
    fn text(&mut self, name: &str) -> Result<String, SettingFault> {
        match self.values.remove(name) {
            Some(Ok(text)) => match flaw(&text) {
                Some(words) => Err(SettingFault::Wrong(words.to_owned())),
                None => Ok(text),
            },
            Some(Err(VariableUnavailable(reason))) => Err(SettingFault::Unreadable(reason)),
            None => Err(SettingFault::Unreadable("it is not among those that are read".to_owned())),
        }
    }

    fn is_good(&self, name: &str) -> bool {
        !self.faults.contains_key(name)
    }

    /// `value`, unless it is the default beside a fault.
    fn if_good<'v, T>(&self, name: &str, value: &'v T) -> Option<&'v T> {
        self.is_good(name).then_some(value)
    }

    /// Adds a fault that shows only beside other settings.
    fn blame(&mut self, name: &'static str, words: &str) {
        self.faults.insert(name, SettingFault::Wrong(words.to_owned()));
    }
}

/// What is wrong with a value whatever it is for: characters that came with it by mistake, or a placeholder.
fn flaw(text: &str) -> Option<&'static str> {
    let is_quoted =
        ['"', '\'', '`'].iter().any(|mark| text.len() > 1 && text.starts_with(*mark) && text.ends_with(*mark));
    let is_placeholder = text.starts_with('<') && text.ends_with('>')
        || text == "..."
        || ["${", "{{", "$(", "YOUR"].iter().any(|part| text.contains(part));
    Some(if text.trim() != text {
        "has spaces or line breaks around it; remove them"
    } else if text.contains(['\n', '\r', '\t']) {
        "has a line break or a tab in it; separate values by spaces or commas"
    } else if text.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        "has a character that is not printable ASCII, perhaps an invisible one such as a byte order mark or a zero-width \
         space; type it anew"
    } else if is_quoted {
        "is in quotation marks; remove them"
    } else if is_placeholder {
        "is still a placeholder; set its value"
    } else {
        return None;
    })
}

/// What stands for a value that could not be read, in settings that are then thrown away.
impl Default for Tenancy {
    fn default() -> Self {
        Self::Single(Uuid::nil())
    }
}

/// Values separated by spaces or commas, each of them once. A wrong one is named by its place.
fn list<T: PartialEq>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    for (item, place) in text.split([' ', ',']).filter(|item| !item.is_empty()).zip(1_usize..) {
        let value = parse(item).map_err(|fault| format!("item {place} {fault}"))?;
        if values.contains(&value) {
            return Err(format!("item {place} repeats an earlier one; remove it"));
        }
        values.push(value);
    }
    Ok(values)
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    number(text, 1..=120)
        .map(|seconds| Duration::from_secs(seconds.into()))
        .map_err(|fault| format!("{fault} (seconds)"))
}

fn token_store_slots(text: &str) -> Result<u32, String> {
    number(text, 0..=10_000_000)
}

/// A number in its shortest form, so that nobody wonders what a sign, a separator or a zero before it means.
fn number(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let value = text.parse().ok().filter(|value: &u32| value.to_string() == text && range.contains(value));
    value.ok_or_else(|| format!("is not a whole number from {} to {}, in digits alone", range.start(), range.end()))
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("is neither on nor off; set one of the two".to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
