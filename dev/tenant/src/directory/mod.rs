//! Everything the three services know, shared by them and by [`Tenant`](crate::Tenant).

use std::{collections::HashMap, sync::Arc};

use anyhow::Result;
use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::{
    application::{Application, Platform},
    browser_sessions::BrowserSessions,
    consents::Consents,
    faults::Faults,
    grants::Grants,
    journal::Journal,
    key_vault::Vault,
    people::{self, DOMAIN, OTHER_DOMAIN},
    person::Person,
    random,
    sessions::Sessions,
    signing_key::KeyRing,
    variety::Variety,
};

/// The directory that personal Microsoft accounts live in, the same for all of Entra.
pub(crate) const MICROSOFT_ACCOUNT_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// What this cloud is called in metadata and key sets.
pub(crate) const CLOUD: &str = "microsoftonline.com";

/// The name of the vault's secret that holds the API's client secret.
pub(crate) const CLIENT_SECRET_NAME: &str = "clientsecret";
/// The name of the vault's secret that holds the web application's client secret.
const WEB_CLIENT_SECRET_NAME: &str = "appclientsecret";

/// The base URLs of the three services, without a trailing slash.
pub(crate) struct Urls {
    pub(crate) authority: String,
    pub(crate) graph: String,
    pub(crate) vault: String,
}

pub(crate) struct Directory {
    pub(crate) urls: Urls,
    pub(crate) tenant_id: String,
    pub(crate) other_tenant_id: String,
    /// The middle-tier API. It is registered for several directories.
    pub(crate) api: Application,
    /// The identity that reads the vault.
    pub(crate) vault_reader: Application,
    /// The web application that signs people in and calls the API.
    pub(crate) web_client: Application,
    /// The single-page application that does the same.
    pub(crate) spa_client: Application,
    /// The Conditional Access policy that asks for a second factor.
    pub(crate) policy_id: String,
    /// The Conditional Access policy that blocks.
    blocking_policy_id: String,
    /// The named people.
    pub(crate) people: Vec<Person>,
    /// Everybody by object id: the named people and the members added later.
    by_object_id: RwLock<HashMap<String, Arc<Person>>>,
    pub(crate) keys: KeyRing,
    pub(crate) vault: Vault,
    pub(crate) sessions: Sessions,
    pub(crate) browser_sessions: BrowserSessions,
    pub(crate) consents: Consents,
    pub(crate) grants: Grants,
    pub(crate) faults: Faults,
    pub(crate) journal: Journal,
    /// Without it, answers have the form that they have.
    pub(crate) variety: Option<Variety>,
}

impl Directory {
    /// A new directory. It takes a second or less, most of it for RSA keys.
    pub(crate) fn new(urls: Urls, variety: Option<Variety>) -> Result<Self> {
        let api = Application::register("profile-get", Platform::Web);
        let web_client = Application::register("Profile web application", Platform::Web);
        let vault = Vault::default();
        vault.set(CLIENT_SECRET_NAME, api.secret());
        vault.set(WEB_CLIENT_SECRET_NAME, web_client.secret());
        let (tenant_id, other_tenant_id) = (random::guid(), random::guid());
        let people = people::people(&tenant_id, &other_tenant_id);
        Ok(Self {
            by_object_id: RwLock::new(people.iter().map(entry).collect()),
            people,
            urls,
            tenant_id,
            other_tenant_id,
            api,
            vault_reader: Application::register("vault-reader", Platform::Web),
            web_client,
            spa_client: Application::register("Profile single-page application", Platform::SinglePage),
            policy_id: random::guid(),
            blocking_policy_id: random::guid(),
            keys: KeyRing::generate()?,
            vault,
            sessions: Sessions::default(),
            browser_sessions: BrowserSessions::default(),
            consents: Consents::default(),
            grants: Grants::default(),
            faults: Faults::default(),
            journal: Journal::default(),
            variety,
        })
    }

    /// The directory id for a GUID or a domain, as both stand in Entra's paths.
    pub(crate) fn tenant_id_of(&self, id_or_domain: &str) -> Option<&str> {
        let names = [
            (self.tenant_id.as_str(), DOMAIN),
            (self.other_tenant_id.as_str(), OTHER_DOMAIN),
            (MICROSOFT_ACCOUNT_TENANT, "consumers"),
        ];
        let is_named = |name: &str| name.eq_ignore_ascii_case(id_or_domain);
        names.into_iter().find(|(id, domain)| is_named(id) || is_named(domain)).map(|(id, _)| id)
    }

    pub(crate) fn person_by_object_id(&self, object_id: &str) -> Option<Arc<Person>> {
        self.by_object_id.read().get(object_id).cloned()
    }

    /// The named person called `name`.
    pub(crate) fn person(&self, name: &str) -> Option<Arc<Person>> {
        let person = self.people.iter().find(|person| person.name == name)?;
        self.person_by_object_id(&person.object_id)
    }

    /// Adds ordinary members.
    pub(crate) fn add_members(&self, count: usize) -> Vec<Person> {
        let members: Vec<Person> = (0..count).map(|_| people::further_member(&self.tenant_id)).collect();
        self.by_object_id.write().extend(members.iter().map(entry));
        members
    }

    pub(crate) fn applications(&self) -> [&Application; 4] {
        [&self.api, &self.vault_reader, &self.web_client, &self.spa_client]
    }

    pub(crate) fn application(&self, client_id: &str) -> Option<&Application> {
        self.applications().into_iter().find(|application| application.client_id.eq_ignore_ascii_case(client_id))
    }

    /// What a token must show once its person passed the second factor that the policy asks for.
    pub(crate) fn second_factor_challenge(&self) -> Value {
        policy_challenge(&self.policy_id)
    }

    /// What comes with the refusal for a person whom a policy blocks. No token shows it.
    pub(crate) fn blocking_challenge(&self) -> Value {
        policy_challenge(&self.blocking_policy_id)
    }

    /// The issuer of v2 tokens. Its host is the authority's, which MSAL clients insist on.
    pub(crate) fn v2_issuer(&self, tenant_id: &str) -> String {
        format!("{}/{tenant_id}/v2.0", self.urls.authority)
    }
}

fn policy_challenge(policy_id: &str) -> Value {
    json!({"access_token": {"capolids": {"essential": true, "values": [policy_id]}}})
}

fn entry(person: &Person) -> (String, Arc<Person>) {
    (person.object_id.clone(), Arc::new(person.clone()))
}

/// The issuer of v1 tokens, on a host of its own in the real Entra too.
pub(crate) fn v1_issuer(tenant_id: &str) -> String {
    format!("https://sts.windows.net/{tenant_id}/")
}
