//! Everything the three services know, shared by them and by [`Tenant`](crate::Tenant).

pub(crate) mod app_registration;
pub(crate) mod browser_sessions;
pub(crate) mod certificate;
pub(crate) mod consents;
pub(crate) mod grants;
pub(crate) mod people;
pub(crate) mod person;
pub(crate) mod proof_key;
mod redirect_uri;
mod sessions;
pub(crate) mod signing_key;
pub(crate) mod vault;
pub(crate) mod well_known;

use std::{collections::HashMap, sync::Arc};

use anyhow::Result;
use parking_lot::RwLock;
use serde_json::{Value, json};

use crate::{random, variety::Variety};
use app_registration::{AppRegistration, Platform};
use browser_sessions::BrowserSessions;
use consents::Consents;
use grants::Grants;
use people::{DOMAIN, OTHER_DOMAIN};
use person::Person;
use sessions::Sessions;
use signing_key::KeyRing;
use vault::Vault;
use well_known::MICROSOFT_ACCOUNT_TENANT;

/// The name of the API's client secret in the vault.
pub(crate) const CLIENT_SECRET_NAME: &str = "clientsecret";
/// The name of the web application's client secret in the vault.
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
    pub(crate) api: AppRegistration,
    /// The identity that reads the vault.
    pub(crate) vault_reader: AppRegistration,
    /// The web application that signs people in and calls the API.
    pub(crate) web_client: AppRegistration,
    /// The single-page application that does the same.
    pub(crate) spa_client: AppRegistration,
    /// The Conditional Access policy that requires a second factor.
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
    /// Without it, answers have the form that they have.
    pub(crate) variety: Option<Variety>,
}

impl Directory {
    /// A new directory. It takes a second or less, most of it for RSA keys.
    pub(crate) fn new(urls: Urls, variety: Option<Variety>) -> Result<Self> {
        let api = AppRegistration::register("profile-get", Platform::Web);
        let web_client = AppRegistration::register("Profile web application", Platform::Web);
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
            vault_reader: AppRegistration::register("vault-reader", Platform::Web),
            web_client,
            spa_client: AppRegistration::register("Profile single-page application", Platform::SinglePage),
            policy_id: random::guid(),
            blocking_policy_id: random::guid(),
            keys: KeyRing::generate()?,
            vault,
            sessions: Sessions::default(),
            browser_sessions: BrowserSessions::default(),
            consents: Consents::default(),
            grants: Grants::default(),
            variety,
        })
    }

    /// The directory id for a GUID or a domain; both occur in Entra's paths.
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

    pub(crate) fn applications(&self) -> [&AppRegistration; 4] {
        [&self.api, &self.vault_reader, &self.web_client, &self.spa_client]
    }

    pub(crate) fn application(&self, client_id: &str) -> Option<&AppRegistration> {
        self.applications().into_iter().find(|application| application.client_id.eq_ignore_ascii_case(client_id))
    }

    /// The claims challenge of the policy that requires a second factor.
    pub(crate) fn second_factor_challenge(&self) -> Value {
        policy_challenge(&self.policy_id)
    }

    /// The claims challenge of the policy that blocks. No token can meet it.
    pub(crate) fn blocking_challenge(&self) -> Value {
        policy_challenge(&self.blocking_policy_id)
    }

    /// The resources for which tokens for the vault are issued: Key Vault's own, and what an Azure SDK
    /// derives from this vault's address by dropping the first label of its host.
    pub(crate) fn vault_audiences(&self) -> [String; 2] {
        let scheme = self.urls.vault.split(':').next().unwrap_or_default();
        ["https://vault.azure.net".to_owned(), format!("{scheme}://0.0.1")]
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
