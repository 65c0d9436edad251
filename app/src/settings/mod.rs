//! Component variables to settings, every fault at once.

pub mod web_origin;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use client_secret::NotASecret;
use futures::future::join_all;
use uuid::Uuid;

use crate::{
    host::{Host, VariableUnavailable},
    secret::Secret,
    settings::web_origin::WebOrigin,
};

/// The names of the variables, as the component has them, all of which `spin.toml` gives to it.
const NAMES: [&str; 9] = [
    "tenant_id",
    "app_client_id",
    "app_client_secret",
    "session_secret",
    "api_client_id",
    "api_url",
    "app_url",
    "required_scope",
    "authority_host",
];

/// The longest wait for a variable: Spin asks Key Vault for secrets at that moment.
const READ_TIMEOUT: Duration = Duration::from_secs(8);

/// Whoever holds a sealed cookie can try out shorter secrets, or those of fewer different characters.
const MIN_SESSION_SECRET: usize = 32;
const MIN_DIFFERENT_CHARACTERS: usize = 8;

/// Microsoft Graph, as scopes name it: a token for it is none for the API.
const GRAPH: [&str; 5] = [
    "https://graph.microsoft.com/",
    "https://graph.microsoft.us/",
    "https://dod-graph.microsoft.us/",
    "https://microsoftgraph.chinacloudapi.cn/",
    "00000003-0000-0000-c000-000000000000/",
];

/// What the operator has set, checked.
#[derive(Debug)]
pub struct Settings {
    /// The directory in which people sign in.
    pub tenant_id: Uuid,
    /// This app's own application (client) id.
    pub app_client_id: Uuid,
    /// What this app shows to Entra to be believed.
    pub app_client_secret: Secret,
    /// What cookies are sealed with.
    pub session_secret: Secret,
    /// The API's application (client) id, of which the scopes are made.
    pub api_client_id: Uuid,
    /// Where the API answers.
    pub api_url: WebOrigin,
    /// Where browsers find this app.
    pub app_url: WebOrigin,
    /// The scopes of the API that are asked for, as Entra takes them: with the API's URI or id before them.
    pub required_scopes: Vec<String>,
    /// Where Entra answers.
    pub authority_host: WebOrigin,
}

/// Everything that is wrong with the variables: name and what to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFaults(pub BTreeMap<&'static str, String>);

impl fmt::Display for SettingsFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.0.iter().map(|(name, fault)| format!("{name}: {fault}")).collect();
        formatter.write_str(&faults.join("; "))
    }
}

impl Settings {
    /// Reads and checks every variable.
    ///
    /// # Errors
    /// All faults together, each with what to set.
    pub async fn read<H: Host>(host: &H) -> Result<Self, SettingsFaults> {
        let values = join_all(NAMES.map(async |name| (name, host.variable(name, READ_TIMEOUT).await))).await;
        Self::parse(values.into_iter().collect())
    }

    fn parse(values: BTreeMap<&'static str, Result<String, VariableUnavailable>>) -> Result<Self, SettingsFaults> {
        let mut reader = Reader { values, faults: BTreeMap::new() };
        let tenant_id = reader.read("tenant_id", |text| guid(text, "Directory (tenant) ID", &[]));
        let app_client_id = reader.read("app_client_id", |text| {
            guid(text, "Application (client) ID of this app", &[("tenant_id", tenant_id)])
        });
        let api_client_id = reader.read("api_client_id", |text| {
            let others = [("tenant_id", tenant_id), ("app_client_id", app_client_id)];
            guid(text, "Application (client) ID of the API", &others)
        });
        let app_client_secret = reader.read("app_client_secret", client_secret);
        let settings = Self {
            session_secret: reader.read("session_secret", |text| session_secret(text, &app_client_secret)),
            api_url: reader.read("api_url", WebOrigin::parse),
            app_url: reader.read("app_url", WebOrigin::parse),
            required_scopes: reader.read("required_scope", |text| scopes(text, api_client_id)),
            authority_host: reader.read("authority_host", authority_host),
            tenant_id,
            app_client_id,
            app_client_secret,
            api_client_id,
        };
        if reader.faults.is_empty() { Ok(settings) } else { Err(SettingsFaults(reader.faults)) }
    }

    /// What is asked of Entra: who the person is, and a token for the API.
    #[must_use]
    pub fn requested_scope(&self) -> String {
        let mut words = vec!["openid".to_owned(), "profile".to_owned()];
        words.extend_from_slice(&self.required_scopes);
        words.join(" ")
    }

    /// Where Entra sends the person back to after signing in. It is registered with the app.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("{}/signin-callback", self.app_url.as_str())
    }

    /// Where Entra sends the person back to after signing out. It is registered with the app.
    #[must_use]
    pub fn post_logout_redirect_uri(&self) -> String {
        format!("{}/signed-out", self.app_url.as_str())
    }

    /// An endpoint of Entra's for the directory, by the name that it has in version 2.0.
    #[must_use]
    pub fn entra_endpoint(&self, name: &str) -> String {
        format!("{}/{}/oauth2/v2.0/{name}", self.authority_host.as_str(), self.tenant_id)
    }
}

/// Takes values by name and gathers what is wrong with them.
struct Reader {
    values: BTreeMap<&'static str, Result<String, VariableUnavailable>>,
    faults: BTreeMap<&'static str, String>,
}

impl Reader {
    /// The parsed value, or the type's default beside a fault on the list.
    fn read<T: Default>(&mut self, name: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        let parsed = match self.values.remove(name) {
            // What is wrong with a client secret, it says by itself.
            Some(Ok(text)) if name == "app_client_secret" => parse(&text),
            Some(Ok(text)) => well_written(&text).and_then(parse),
            Some(Err(VariableUnavailable(reason))) => {
                Err(format!("could not be read ({reason}); set it, or fix the provider that holds it"))
            }
            None => Err("is not read".to_owned()),
        };
        parsed.unwrap_or_else(|fault| {
            self.faults.insert(name, fault);
            T::default()
        })
    }
}

/// Refuses what no setting can be: characters that came with the value by mistake, and placeholders.
fn well_written(text: &str) -> Result<&str, String> {
    let is_quoted =
        ['"', '\'', '`'].iter().any(|mark| text.len() > 1 && text.starts_with(*mark) && text.ends_with(*mark));
    let is_placeholder = text.starts_with('<') && text.ends_with('>')
        || text == "..."
        || ["${", "{{", "$(", "YOUR"].iter().any(|part| text.contains(part));
    let fault = if text.trim() != text {
        "has spaces or line breaks around it; remove them"
    } else if text.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        "has a character that is not printable ASCII, perhaps an invisible one; type it anew"
    } else if is_quoted {
        "is in quotation marks; remove them"
    } else if is_placeholder {
        "is still a placeholder; set its value"
    } else {
        return Ok(text);
    };
    Err(fault.to_owned())
}

/// An id of a registration that is called `label` there, in the form in which Entra writes ids, in any case. None of
/// `others` is the same.
fn guid(text: &str, label: &str, others: &[(&str, Uuid)]) -> Result<Uuid, String> {
    let fault = |what: &str| Err(format!("{what}; copy the {label} from the app registration's overview"));
    let id = if text.len() == 36 { Uuid::try_parse(text).ok() } else { None };
    match (id, id.and_then(|id| others.iter().find(|(_, other)| *other == id && !other.is_nil()))) {
        (Some(id), _) if id.is_nil() => fault("is the GUID of zeros, a placeholder"),
        (Some(_), Some((name, _))) => fault(&format!("is the same as {name}")),
        (Some(id), None) => Ok(id),
        (None, _) => fault("is not a GUID, 32 hexadecimal digits with hyphens as 8-4-4-4-12"),
    }
}

/// What is neither a secret nor anything like it is sent to nobody.
fn client_secret(text: &str) -> Result<Secret, String> {
    match client_secret::check(text) {
        Ok(()) => Ok(Secret::new(text.to_owned())),
        Err(NotASecret::Empty) => {
            Err("is empty; make a client secret in the app registration, Certificates & secrets".to_owned())
        }
        Err(
            NotASecret::Pem | NotASecret::DamagedPem | NotASecret::Pkcs12 | NotASecret::Der | NotASecret::JavaKeyStore,
        ) => Err("is a certificate or a key; this app takes a client secret alone".to_owned()),
        Err(mistake) => Err(mistake.words().to_owned()),
    }
}

fn session_secret(text: &str, client_secret: &Secret) -> Result<Secret, String> {
    let how = "make one by: openssl rand -base64 48";
    if text.chars().count() < MIN_SESSION_SECRET {
        return Err(format!("has fewer than {MIN_SESSION_SECRET} characters; {how}"));
    }
    if text.chars().collect::<BTreeSet<_>>().len() < MIN_DIFFERENT_CHARACTERS {
        return Err(format!("has fewer than {MIN_DIFFERENT_CHARACTERS} different characters; {how}"));
    }
    if text == client_secret.expose() {
        return Err(format!("is the same as app_client_secret; {how}"));
    }
    Ok(Secret::new(text.to_owned()))
}

fn authority_host(text: &str) -> Result<WebOrigin, String> {
    let origin = WebOrigin::parse(text)?;
    if GRAPH.contains(&format!("{}/", origin.as_str()).as_str()) {
        return Err(
            "is the address of Microsoft Graph; set that of the sign-in, https://login.microsoftonline.com".to_owned()
        );
    }
    Ok(origin)
}

/// Scopes of the API (RFC 6749 section 3.3), separated by spaces: bare names, or with one of its Application ID URIs.
fn scopes(text: &str, api: Uuid) -> Result<Vec<String>, String> {
    let is_scope = |word: &str| word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let mut scopes = Vec::new();
    for word in text.split_ascii_whitespace() {
        let has_uri = word.contains("://");
        let is_of_another = GRAPH.iter().any(|graph| word.starts_with(graph))
            || word.starts_with("api://") && !word.split('/').any(|part| part.eq_ignore_ascii_case(&api.to_string()));
        if !is_scope(word) || is_of_another || !has_uri && word.contains('/') {
            return Err(
                "is not the name of a scope of the API, like user_impersonation, nor one with an Application ID URI \
                        of the API before it"
                    .to_owned(),
            );
        }
        if word == ".default" || word.contains(',') || matches!(word, "openid" | "profile" | "email" | "offline_access")
        {
            return Err("is not a scope that an API exposes; set those of the API, separated by spaces".to_owned());
        }
        scopes.push(if has_uri { word.to_owned() } else { format!("api://{api}/{word}") });
    }
    if scopes.is_empty() {
        return Err("is empty; set the scope that the API needs".to_owned());
    }
    Ok(scopes)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{NAMES, Settings, SettingsFaults};
    use crate::host::VariableUnavailable;

    pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
    pub(crate) const APP: &str = "22222222-2222-4222-8222-222222222222";
    pub(crate) const API: &str = "33333333-3333-4333-8333-333333333333";

    fn parse(changes: &[(&'static str, &str)]) -> Result<Settings, SettingsFaults> {
        let mut values: BTreeMap<&'static str, Result<String, VariableUnavailable>> = BTreeMap::from(
            [
                ("tenant_id", TENANT),
                ("app_client_id", APP),
                ("app_client_secret", "app-client-secret"),
                ("session_secret", "0123456789abcdef0123456789abcdef"),
                ("api_client_id", API),
                ("api_url", "https://api.example"),
                ("app_url", "https://app.example"),
                ("required_scope", "user_impersonation"),
                ("authority_host", "https://login.example"),
            ]
            .map(|(name, value)| (name, Ok(value.to_owned()))),
        );
        for (name, value) in changes {
            values.insert(name, Ok((*value).to_owned()));
        }
        Settings::parse(values)
    }

    pub(crate) fn with(changes: &[(&'static str, &str)]) -> Settings {
        parse(changes).unwrap()
    }

    #[test]
    fn good_values_pass() {
        let settings = with(&[("required_scope", "one two"), ("app_url", "http://127.0.0.1:3001/")]);
        assert_eq!(settings.requested_scope(), format!("openid profile api://{API}/one api://{API}/two"));
        for scopes in
            ["https://contoso.example/profile/read".to_owned(), format!("api://tab.contoso.example/{API}/read")]
        {
            assert_eq!(with(&[("required_scope", &scopes)]).requested_scope(), format!("openid profile {scopes}"));
        }
        assert_eq!(settings.redirect_uri(), "http://127.0.0.1:3001/signin-callback");
        assert_eq!(settings.entra_endpoint("token"), format!("https://login.example/{TENANT}/oauth2/v2.0/token"));
    }

    #[test]
    fn each_bad_value_is_named() {
        for (name, value) in [
            ("tenant_id", "organizations"),
            ("tenant_id", "00000000-0000-0000-0000-000000000000"),
            ("tenant_id", "\"11111111-1111-4111-8111-111111111111\""),
            ("tenant_id", "\u{feff}11111111-1111-4111-8111-111111111111"),
            ("app_client_id", ""),
            ("app_client_id", TENANT),
            ("api_client_id", APP),
            ("api_client_id", "<client-id>"),
            ("app_client_secret", ""),
            ("app_client_secret", "secret "),
            ("app_client_secret", "YOUR-SECRET"),
            ("app_client_secret", "-----BEGIN PRIVATE KEY-----"),
            ("app_client_secret", "8f4d1f0e-5a0c-4c0e-9d5d-3a1b2c3d4e5f"),
            ("session_secret", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("session_secret", "0123456789abcdef0123456789abcde"),
            ("api_client_id", "33333333333343338333333333333333"),
            ("api_url", "https://api.example/api/profile-get"),
            ("app_url", "http://app.example"),
            ("required_scope", ""),
            ("required_scope", "api://x/user_impersonation"),
            ("required_scope", "https://graph.microsoft.com/User.Read"),
            ("required_scope", "one,two"),
            ("required_scope", "openid"),
            ("required_scope", ".default"),
            ("authority_host", "https://graph.microsoft.com"),
            ("authority_host", "login.example"),
        ] {
            let faults = parse(&[(name, value)]).unwrap_err();
            assert_eq!(faults.0.keys().copied().collect::<Vec<_>>(), [name], "{name} = {value:?}");
        }
    }

    #[test]
    fn all_faults_are_told_together_without_values() {
        let faults = Settings::parse(BTreeMap::new()).unwrap_err();
        assert_eq!(faults.0.len(), NAMES.len());
        let faults = parse(&[("session_secret", "hunter2"), ("tenant_id", "x")]).unwrap_err();
        assert!(!faults.to_string().contains("hunter2"));
    }
}
