//! Component variables to settings, every fault at once.

use std::{collections::BTreeMap, fmt, time::Duration};

use futures::future::join_all;
use http::{HeaderValue, Uri};
use uuid::Uuid;

use crate::{
    host::{Host, VariableUnavailable},
    upstream::{Deadline, within},
};

/// The variable that is read first, since it bounds the reading of the others.
const REQUEST_TIMEOUT: &str = "request_timeout";

/// The names of the variables, all of which `spin.toml` gives to the component. `client_secret` is read apart, when it
/// is needed: see `credential_source`.
const NAMES: [&str; 12] = [
    "tenant_id",
    "client_id",
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
    /// `scheme://host[:port]` of Entra, without a slash at the end.
    pub authority_host: String,
    /// `scheme://host[:port]` of Microsoft Graph, without a slash at the end.
    pub graph_url: String,
    /// Scopes of which the caller's token must hold one.
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
        let faults: Vec<String> = self.0.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
        formatter.write_str(&faults.join("; "))
    }
}

impl fmt::Display for SettingFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(fault) => formatter.write_str(fault),
            Self::Unreadable(reason) => {
                write!(formatter, "could not be read ({reason}); set it, or mend the provider that holds it")
            }
        }
    }
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
        let allowed_tenants = reader.read("allowed_tenants", |text| list(text, guid));
        let tenants_known = !reader.faults.contains_key("allowed_tenants");
        let settings = Self {
            tenancy: reader.read("tenant_id", |text| tenancy(text, tenants_known.then_some(&allowed_tenants))),
            client_id: reader.read("client_id", guid),
            authority_host: reader.read("authority_host", origin),
            graph_url: reader.read("graph_url", origin),
            required_scopes: reader.read("required_scope", |text| match list(text, scope)? {
                scopes if scopes.is_empty() => Err("is empty; set the scope that callers need".to_owned()),
                scopes => Ok(scopes),
            }),
            graph_scopes: reader.read("graph_scopes", graph_scopes),
            allowed_clients: reader.read("allowed_clients", |text| list(text, guid)),
            allowed_origins: reader.read("allowed_origins", |text| list(text, browser_origin)),
            request_timeout: reader.read(REQUEST_TIMEOUT, request_timeout),
            token_store_slots: reader.read("token_store_slots", token_store_slots),
            server_timing: reader.read("server_timing", on_or_off),
        };
        let single = matches!(settings.tenancy, Tenancy::Single(_)) && !reader.faults.contains_key("tenant_id");
        if single && !allowed_tenants.is_empty() {
            let words = "goes with tenant_id = organizations or common only; leave it empty or change tenant_id";
            reader.faults.insert("allowed_tenants", SettingFault::Wrong(words.to_owned()));
        }
        if reader.faults.is_empty() { Ok(settings) } else { Err(SettingsFaults(reader.faults)) }
    }
}

/// A variable's value, or why it could not be read.
type Value = Result<String, VariableUnavailable>;

async fn read_variable<H: Host>(host: &H, name: &'static str, by: Deadline) -> (&'static str, Value) {
    let value = within(host, by.remaining(host), host.variable(name)).await;
    (name, value.unwrap_or_else(|_| Err(VariableUnavailable("no answer in time".to_owned()))))
}

/// Takes values by name and gathers what is wrong with them.
struct Reader {
    values: BTreeMap<&'static str, Value>,
    faults: BTreeMap<&'static str, SettingFault>,
}

impl Reader {
    /// The parsed value, or the type's default beside a fault on the list.
    fn read<T: Default>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        let parsed = match self.values.remove(name) {
            Some(Ok(text)) if text.trim() != text => {
                Err(SettingFault::Wrong("has blanks around it; remove them".to_owned()))
            }
            Some(Ok(text)) => parse(&text).map_err(SettingFault::Wrong),
            Some(Err(VariableUnavailable(reason))) => Err(SettingFault::Unreadable(reason)),
            None => Err(SettingFault::Unreadable("it is not among those that are read".to_owned())),
        };
        parsed.unwrap_or_else(|fault| {
            self.faults.insert(name, fault);
            T::default()
        })
    }
}

/// What stands for a value that could not be read, in settings that are then thrown away.
impl Default for Tenancy {
    fn default() -> Self {
        Self::Single(Uuid::nil())
    }
}

/// The form in which Entra writes ids, in any case.
fn guid(text: &str) -> Result<Uuid, String> {
    let fault =
        || "is not a GUID like 00000000-0000-0000-0000-000000000000; copy it from the app registration".to_owned();
    if text.is_empty() {
        return Err("is empty; copy it from the app registration in the Entra admin center".to_owned());
    }
    if text.len() != 36 {
        return Err(fault());
    }
    Uuid::try_parse(text).map_err(|_| fault())
}

/// `allowed` is missing where that list has a fault of its own.
fn tenancy(text: &str, allowed: Option<&Vec<Uuid>>) -> Result<Tenancy, String> {
    let authority = match text {
        "organizations" => "organizations",
        "common" => "common",
        _ => return guid(text).map(Tenancy::Single),
    };
    if allowed.is_some_and(Vec::is_empty) {
        return Err(format!("is {authority}, so allowed_tenants must list the directory ids that may call"));
    }
    Ok(Tenancy::Several { authority, allowed: allowed.cloned().unwrap_or_default() })
}

/// `scheme://host[:port]`: `https`, or `http` to this machine alone, where no one listens in.
fn origin(text: &str) -> Result<String, String> {
    let fault = || "is not of the form https://host[:port]".to_owned();
    if text.is_empty() {
        return Err("is empty; remove it to use the default".to_owned());
    }
    let uri: Uri = text.parse().map_err(|_| fault())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(fault()) };
    let bare = format!("{scheme}://{authority}");
    if text.strip_suffix('/').unwrap_or(text) != bare || authority.as_str().contains('@') || authority.host().is_empty()
    {
        return Err(fault());
    }
    match scheme {
        "https" => Ok(bare),
        "http" if is_loopback(authority.host()) => Ok(bare),
        "http" => Err("is http, which is accepted for loopback hosts only; use https".to_owned()),
        _ => Err(fault()),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Values separated by blanks or commas. A wrong one is told by its place.
fn list<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split([' ', ','])
        .filter(|item| !item.is_empty())
        .zip(1_usize..)
        .map(|(item, place)| parse(item).map_err(|fault| format!("item {place} {fault}")))
        .collect()
}

/// `scope-token` of RFC 6749 section 3.3.
fn scope(text: &str) -> Result<String, String> {
    if text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
        Ok(text.to_owned())
    } else {
        Err("is not a scope".to_owned())
    }
}

fn graph_scopes(text: &str) -> Result<String, String> {
    let scopes = list(text, scope)?;
    if scopes.is_empty() {
        return Err("is empty; remove it to use the default".to_owned());
    }
    // A refresh token would outlive the caller's own sign-in, so none is ever asked for.
    if scopes.iter().any(|scope| scope == "offline_access") {
        return Err("holds offline_access; remove it, this API keeps no refresh tokens".to_owned());
    }
    Ok(scopes.join(" "))
}

fn browser_origin(text: &str) -> Result<HeaderValue, String> {
    let fault = || "is not an origin like https://app.example.com".to_owned();
    let uri: Uri = text.parse().map_err(|_| fault())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(fault()) };
    // Browsers send an origin in lower case and without a slash (RFC 6454 section 6.2); anything else never matches.
    if text != format!("{scheme}://{authority}") || text != text.to_ascii_lowercase() || !scheme.starts_with("http") {
        return Err(fault());
    }
    HeaderValue::from_str(text).map_err(|_| fault())
}

fn request_timeout(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=120) => Ok(Duration::from_secs(seconds)),
        _ => Err("is not a whole number of seconds from 1 to 120".to_owned()),
    }
}

fn token_store_slots(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(slots @ 0..=10_000_000) => Ok(slots),
        _ => Err("is not a whole number from 0 to 10000000".to_owned()),
    }
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("is neither on nor off".to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{Settings, SettingsFaults, Tenancy};
    use crate::host::VariableUnavailable;

    pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
    pub(crate) const CLIENT: &str = "22222222-2222-4222-8222-222222222222";

    fn parse(changes: &[(&'static str, &str)]) -> Result<Settings, SettingsFaults> {
        Settings::parse(values(changes))
    }

    fn values(changes: &[(&'static str, &str)]) -> BTreeMap<&'static str, Result<String, VariableUnavailable>> {
        let mut values: BTreeMap<&'static str, Result<String, VariableUnavailable>> = BTreeMap::from(
            [
                ("tenant_id", TENANT),
                ("client_id", CLIENT),
                ("authority_host", "https://login.microsoftonline.com"),
                ("graph_url", "https://graph.microsoft.com"),
                ("required_scope", "user_impersonation"),
                ("graph_scopes", "https://graph.microsoft.com/User.Read"),
                ("allowed_tenants", ""),
                ("allowed_clients", ""),
                ("allowed_origins", ""),
                ("request_timeout", "20"),
                ("token_store_slots", "4096"),
                ("server_timing", "off"),
            ]
            .map(|(name, value)| (name, Ok(value.to_owned()))),
        );
        for (name, value) in changes {
            values.insert(name, Ok((*value).to_owned()));
        }
        values
    }

    pub(crate) fn with(changes: &[(&'static str, &str)]) -> Settings {
        parse(changes).unwrap()
    }

    #[test]
    fn good_values_pass() {
        let settings = with(&[("authority_host", "http://127.0.0.1:8080/"), ("graph_url", "http://localhost:9")]);
        assert_eq!(settings.authority_host, "http://127.0.0.1:8080");
        assert_eq!(settings.tenancy.authority_segment(), TENANT);
        let several = with(&[
            ("tenant_id", "organizations"),
            ("allowed_tenants", &format!("{TENANT}, {CLIENT}")),
            ("required_scope", "one two"),
            ("allowed_origins", "https://a.example http://localhost:3000"),
        ]);
        assert!(matches!(&several.tenancy, Tenancy::Several { allowed, .. } if allowed.len() == 2));
        assert_eq!(several.required_scopes, ["one", "two"]);
        assert_eq!(several.allowed_origins.len(), 2);
    }

    #[test]
    fn each_bad_value_is_named() {
        let cases = [
            ("tenant_id", ""),
            ("tenant_id", " 11111111-1111-4111-8111-111111111111"),
            ("tenant_id", "contoso"),
            ("tenant_id", "organizations"),
            ("tenant_id", "{11111111-1111-4111-8111-11111111111}"),
            ("client_id", "22222222222242228222222222222222"),
            ("client_id", "22222222-2222-4222-8222-22222222222g"),
            ("authority_host", "login.microsoftonline.com"),
            ("authority_host", "http://login.microsoftonline.com"),
            ("authority_host", "https://login.microsoftonline.com/tenant"),
            ("authority_host", "https://user@login.microsoftonline.com"),
            ("authority_host", "https://login.microsoftonline.com?x"),
            ("authority_host", "http://127.0.0.1.example.com"),
            ("authority_host", "ftp://127.0.0.1"),
            ("graph_url", ""),
            ("graph_url", "https://"),
            ("graph_url", "https://graph.microsoft.com "),
            ("required_scope", ""),
            ("required_scope", "a\"b"),
            ("graph_scopes", ""),
            ("graph_scopes", "User.Read offline_access"),
            ("allowed_tenants", TENANT),
            ("allowed_clients", "client"),
            ("allowed_origins", "*"),
            ("allowed_origins", "https://a.example/"),
            ("allowed_origins", "https://A.example"),
            ("request_timeout", "0"),
            ("request_timeout", "1.5"),
            ("token_store_slots", "-1"),
            ("server_timing", "true"),
        ];
        for (name, value) in cases {
            let faults = parse(&[(name, value)]).unwrap_err();
            assert_eq!(faults.0.keys().copied().collect::<Vec<_>>(), [name], "{name} = {value:?}");
        }
    }

    #[test]
    fn no_value_is_told() {
        let secret = "Abc8Q~secret-in-the-wrong-place";
        for (name, value) in [
            ("tenant_id", secret),
            ("client_id", secret),
            ("authority_host", secret),
            ("graph_url", secret),
            ("required_scope", "good \"Abc8Q~secret-in-the-wrong-place"),
            ("allowed_clients", "22222222-2222-4222-8222-222222222222, Abc8Q~secret-in-the-wrong-place"),
            ("allowed_origins", secret),
            ("request_timeout", secret),
            ("token_store_slots", secret),
            ("server_timing", secret),
        ] {
            let text = parse(&[(name, value)]).unwrap_err().to_string();
            assert!(text.starts_with(name) && !text.contains(secret), "{text}");
        }
        let text = parse(&[("allowed_clients", &format!("{CLIENT}, {secret}"))]).unwrap_err().to_string();
        assert!(text.contains("item 2 is not a GUID"), "{text}");
    }

    #[test]
    fn a_variable_that_could_not_be_read_is_blamed_alone() {
        let parse = |unreadable, changes: &[(&'static str, &str)]| {
            let mut values = values(changes);
            values.insert(unreadable, Err(VariableUnavailable("no provider".to_owned())));
            Settings::parse(values).unwrap_err()
        };
        for faults in [
            parse("client_id", &[]),
            parse("allowed_tenants", &[("tenant_id", "organizations")]),
            parse("tenant_id", &[("allowed_tenants", TENANT)]),
        ] {
            assert!(faults.0.len() == 1 && faults.may_pass(), "{faults}");
        }
        assert!(!parse("client_id", &[("graph_url", "")]).may_pass());
    }

    #[test]
    fn all_faults_are_told_together() {
        let faults = parse(&[("client_id", "x"), ("graph_url", "y"), ("request_timeout", "z")]).unwrap_err();
        assert_eq!(faults.0.len(), 3);
        let text = faults.to_string();
        assert!(text.contains("client_id: ") && text.contains("graph_url: ") && text.contains("request_timeout: "));
    }
}
