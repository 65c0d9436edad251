//! Component variables to settings, every fault at once.

use std::{collections::BTreeMap, fmt, time::Duration};

use futures::future::join_all;
use uuid::Uuid;

use crate::{
    host::{Host, VariableUnavailable},
    secret::Secret,
    web_origin::WebOrigin,
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

/// Shorter secrets can be tried out by who holds a sealed cookie.
const MIN_SESSION_SECRET: usize = 32;

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
    /// The scopes of the API that are asked for, without their prefix.
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
        let settings = Self {
            tenant_id: reader.read("tenant_id", guid),
            app_client_id: reader.read("app_client_id", guid),
            app_client_secret: reader.read("app_client_secret", client_secret),
            session_secret: reader.read("session_secret", session_secret),
            api_client_id: reader.read("api_client_id", guid),
            api_url: reader.read("api_url", WebOrigin::parse),
            app_url: reader.read("app_url", WebOrigin::parse),
            required_scopes: reader.read("required_scope", scopes),
            authority_host: reader.read("authority_host", WebOrigin::parse),
        };
        if reader.faults.is_empty() { Ok(settings) } else { Err(SettingsFaults(reader.faults)) }
    }

    /// What is asked of Entra: who the person is, and a token for the API.
    #[must_use]
    pub fn requested_scope(&self) -> String {
        let mut words = vec!["openid".to_owned(), "profile".to_owned()];
        words.extend(self.required_scopes.iter().map(|scope| format!("api://{}/{scope}", self.api_client_id)));
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
            Some(Ok(text)) if text.trim() != text => Err("has blanks around it; remove them".to_owned()),
            Some(Ok(text)) => parse(&text),
            Some(Err(VariableUnavailable(reason))) => Err(format!("could not be read ({reason}); set it")),
            None => Err("is not read".to_owned()),
        };
        parsed.unwrap_or_else(|fault| {
            self.faults.insert(name, fault);
            T::default()
        })
    }
}

/// The form in which Entra writes ids, in any case.
fn guid(text: &str) -> Result<Uuid, String> {
    let fault = "is not a GUID like 00000000-0000-0000-0000-000000000000; copy it from the app registration";
    if text.len() == 36 { Uuid::try_parse(text).map_err(|_| fault.to_owned()) } else { Err(fault.to_owned()) }
}

fn client_secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() {
        return Err("is empty; make a client secret in the app registration, Certificates & secrets".to_owned());
    }
    Ok(Secret::new(text.to_owned()))
}

fn session_secret(text: &str) -> Result<Secret, String> {
    if text.chars().count() < MIN_SESSION_SECRET {
        return Err(format!("has fewer than {MIN_SESSION_SECRET} characters; make one by: openssl rand -base64 48"));
    }
    Ok(Secret::new(text.to_owned()))
}

/// Names of scopes (RFC 6749 section 3.3), separated by blanks.
fn scopes(text: &str) -> Result<Vec<String>, String> {
    let is_scope = |word: &str| word.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
    if words.is_empty() {
        return Err("is empty; set the scope that the API needs".to_owned());
    }
    if words.iter().any(|word| !is_scope(word) || word.contains('/')) {
        return Err("is not the name of a scope like user_impersonation, without api://".to_owned());
    }
    Ok(words)
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
        assert_eq!(settings.redirect_uri(), "http://127.0.0.1:3001/signin-callback");
        assert_eq!(settings.entra_endpoint("token"), format!("https://login.example/{TENANT}/oauth2/v2.0/token"));
    }

    #[test]
    fn each_bad_value_is_named() {
        for (name, value) in [
            ("tenant_id", "organizations"),
            ("app_client_id", ""),
            ("app_client_secret", ""),
            ("app_client_secret", "secret "),
            ("session_secret", "0123456789abcdef0123456789abcde"),
            ("api_client_id", "33333333333343338333333333333333"),
            ("api_url", "https://api.example/api/profile-get"),
            ("app_url", "http://app.example"),
            ("required_scope", ""),
            ("required_scope", "api://x/user_impersonation"),
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
