//! The settings, from the component's variables.

pub mod web_origin;

use std::{collections::BTreeSet, time::Duration};

use client_secret::NotASecret;
use entra_obo::{
    host::Host,
    settings::{
        address::{authority_host, is_of_graph},
        fault::SettingsFaults,
        ids,
        reader::Reader,
        scopes::{OPENID, is_scope_token},
        source::Settings,
    },
    toolkit::Deadline,
};
use uuid::Uuid;

use crate::{secret::Secret, settings::web_origin::WebOrigin};

/// The names of the variables, all of which `spin.toml` gives to the component.
const NAMES: [&str; 9] = [
    "tenant_id",
    "app_client_id",
    APP_CLIENT_SECRET,
    SESSION_SECRET,
    "api_client_id",
    "api_url",
    "app_url",
    "required_scope",
    "authority_host",
];

const APP_CLIENT_SECRET: &str = "appclientsecret";
const SESSION_SECRET: &str = "sessionsecret";

/// Whoever holds a sealed cookie can try out shorter secrets, or those of fewer different characters.
const MIN_SESSION_SECRET: usize = 32;
const MIN_DIFFERENT_CHARACTERS: usize = 8;

/// What the operator has set, checked.
#[derive(Debug)]
pub struct AppSettings {
    /// The directory in which people sign in.
    pub tenant_id: Uuid,
    /// This app's own application (client) id.
    pub app_client_id: Uuid,
    /// Authenticates this app to Entra.
    pub app_client_secret: Secret,
    /// Seals the cookies.
    pub session_secret: Secret,
    /// Where the API is.
    pub api_url: WebOrigin,
    /// Where browsers find this app.
    pub app_url: WebOrigin,
    /// The scopes of the API that this app requests, as Entra takes them: with the API's URI or id in front.
    pub required_scopes: Vec<String>,
    /// Where Entra is.
    pub authority_host: WebOrigin,
}

impl Settings for AppSettings {
    async fn load<H: Host>(host: &H, begun: Duration, limit: Duration) -> Result<Self, SettingsFaults> {
        let mut reader = Reader::default();
        reader.load(host, &NAMES, Deadline::after(begun, limit)).await;
        parse(reader)
    }
}

impl AppSettings {
    /// The scope that this app requests: who the person is, and a token for the API.
    #[must_use]
    pub fn requested_scope(&self) -> String {
        let mut words = vec!["openid".to_owned(), "profile".to_owned()];
        words.extend_from_slice(&self.required_scopes);
        words.join(" ")
    }

    /// Where Entra sends people after they signed in. It is registered for the app.
    #[must_use]
    pub fn redirect_uri(&self) -> String {
        format!("{}/signin-callback", self.app_url.as_str())
    }

    /// Where Entra sends people after they signed out. It is registered for the app.
    #[must_use]
    pub fn post_logout_redirect_uri(&self) -> String {
        format!("{}/signed-out", self.app_url.as_str())
    }

    /// One of Entra's version 2.0 endpoints for the directory.
    #[must_use]
    pub fn entra_endpoint(&self, name: &str) -> String {
        format!("{}/{}/oauth2/v2.0/{name}", self.authority_host.as_str(), self.tenant_id)
    }
}

fn parse(mut reader: Reader) -> Result<AppSettings, SettingsFaults> {
    let tenant_id = reader.parse("tenant_id", |text| ids::own(text, "Directory (tenant) ID"));
    let app_client_id = reader.parse("app_client_id", |text| {
        client_id(text, "Application (client) ID of this app", &[("tenant_id", tenant_id)])
    });
    let api_client_id = reader.parse("api_client_id", |text| {
        let others = [("tenant_id", tenant_id), ("app_client_id", app_client_id)];
        client_id(text, "Application (client) ID of the API", &others)
    });
    let app_client_secret = reader.parse_verbatim(APP_CLIENT_SECRET, client_secret);
    let session_secret = reader.parse(SESSION_SECRET, |text| session_secret(text, app_client_secret.as_ref()));
    let api_url = reader.parse("api_url", WebOrigin::parse);
    let app_url = reader.parse("app_url", WebOrigin::parse);
    let required_scopes = reader.parse("required_scope", |text| scopes(text, api_client_id));
    let authority_host = reader.parse("authority_host", |text| authority_host(text).map(WebOrigin::new));
    let settings = || {
        Some(AppSettings {
            tenant_id: tenant_id?,
            app_client_id: app_client_id?,
            app_client_secret: app_client_secret?,
            session_secret: session_secret?,
            api_url: api_url?,
            app_url: app_url?,
            required_scopes: required_scopes?,
            authority_host: authority_host?,
        })
    };
    let settings = settings();
    reader.finish(settings)
}

/// The id of a registration, which is none of the `others`.
fn client_id(text: &str, label: &str, others: &[(&str, Option<Uuid>)]) -> Result<Uuid, String> {
    let id = ids::own(text, label)?;
    match others.iter().find(|(_, other)| *other == Some(id)) {
        Some((name, _)) => Err(format!("is the same as {name}; copy the {label} from the app registration's overview")),
        None => Ok(id),
    }
}

/// What is not a secret, or anything like one, must not be sent to Entra as one.
fn client_secret(text: &str) -> Result<Secret, String> {
    match client_secret::check(text) {
        Ok(()) => Ok(Secret::new(text.to_owned())),
        Err(NotASecret::Empty) => {
            Err("is empty; create a client secret in the app registration, Certificates & secrets".to_owned())
        }
        Err(
            NotASecret::Pem | NotASecret::DamagedPem | NotASecret::Pkcs12 | NotASecret::Der | NotASecret::JavaKeyStore,
        ) => Err("is a certificate or a key; this app takes only a client secret".to_owned()),
        Err(mistake) => Err(mistake.words().to_owned()),
    }
}

fn session_secret(text: &str, client_secret: Option<&Secret>) -> Result<Secret, String> {
    let how = "make one by: openssl rand -base64 48";
    if text.chars().count() < MIN_SESSION_SECRET {
        return Err(format!("has fewer than {MIN_SESSION_SECRET} characters; {how}"));
    }
    if text.chars().collect::<BTreeSet<_>>().len() < MIN_DIFFERENT_CHARACTERS {
        return Err(format!("has fewer than {MIN_DIFFERENT_CHARACTERS} different characters; {how}"));
    }
    if client_secret.is_some_and(|client_secret| client_secret.expose() == text) {
        return Err(format!("is the same as {APP_CLIENT_SECRET}; {how}"));
    }
    Ok(Secret::new(text.to_owned()))
}

/// Scopes of the API, separated by spaces: bare names, or with one of its Application ID URIs in front. `api` is missing
/// where the id has a fault of its own.
fn scopes(text: &str, api: Option<Uuid>) -> Result<Vec<String>, String> {
    let api = api.unwrap_or_default();
    let mut scopes = Vec::new();
    for word in text.split_ascii_whitespace() {
        let has_uri = word.contains("://");
        let is_of_graph = is_of_graph(word) || word.starts_with(ids::GRAPH);
        let is_of_another =
            word.starts_with("api://") && !word.split('/').any(|part| part.eq_ignore_ascii_case(&api.to_string()));
        if !is_scope_token(word) || is_of_graph || is_of_another || !has_uri && word.contains('/') {
            return Err("is not the name of a scope of the API, such as user_impersonation, with or without an \
                        Application ID URI of the API in front"
                .to_owned());
        }
        if word == ".default" || word.contains(',') || OPENID.contains(&word) {
            return Err("is not a scope that an API exposes; set those of the API, separated by spaces".to_owned());
        }
        scopes.push(if has_uri { word.to_owned() } else { format!("api://{api}/{word}") });
    }
    if scopes.is_empty() {
        return Err("is empty; set the scope that the API requires".to_owned());
    }
    Ok(scopes)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use entra_obo::settings::{fault::SettingsFaults, reader::Reader};

    use super::{AppSettings, NAMES};

    pub(crate) const TENANT: &str = "11111111-1111-4111-8111-111111111111";
    pub(crate) const APP: &str = "22222222-2222-4222-8222-222222222222";
    pub(crate) const API: &str = "33333333-3333-4333-8333-333333333333";

    fn parse(changes: &[(&'static str, &str)]) -> Result<AppSettings, SettingsFaults> {
        let mut values = BTreeMap::from([
            ("tenant_id", TENANT),
            ("app_client_id", APP),
            ("appclientsecret", "app-client-secret"),
            ("sessionsecret", "0123456789abcdef0123456789abcdef"),
            ("api_client_id", API),
            ("api_url", "https://api.example"),
            ("app_url", "https://app.example"),
            ("required_scope", "user_impersonation"),
            ("authority_host", "https://login.example"),
        ]);
        values.extend(changes.iter().copied());
        let mut reader = Reader::default();
        for (name, value) in values {
            reader.insert(name, Ok(value.to_owned()));
        }
        super::parse(reader)
    }

    pub(crate) fn with(changes: &[(&'static str, &str)]) -> AppSettings {
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
            ("appclientsecret", ""),
            ("appclientsecret", "secret "),
            ("appclientsecret", "YOUR-SECRET"),
            ("appclientsecret", "-----BEGIN PRIVATE KEY-----"),
            ("appclientsecret", "8f4d1f0e-5a0c-4c0e-9d5d-3a1b2c3d4e5f"),
            ("sessionsecret", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("sessionsecret", "0123456789abcdef0123456789abcde"),
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
    fn all_faults_are_reported_together_without_values() {
        let faults = super::parse(Reader::default()).unwrap_err();
        assert_eq!(faults.0.len(), NAMES.len());
        let faults = parse(&[("sessionsecret", "hunter2"), ("tenant_id", "x")]).unwrap_err();
        assert!(!faults.to_string().contains("hunter2"));
    }
}
