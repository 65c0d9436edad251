//! Everything the services know, shared by them and by [`Tenant`](crate::Tenant).

pub(crate) mod app_registration;
mod app_roles;
mod application_definition;
mod applications;
pub(crate) mod browser_sessions;
pub(crate) mod certificate;
mod checked;
pub(crate) mod consents;
pub(crate) mod credentials;
pub(crate) mod grants;
mod lag;
pub(crate) mod managed_identity;
pub(crate) mod manifest;
pub(crate) mod people;
pub(crate) mod person;
pub(crate) mod person_definition;
pub(crate) mod proof_key;
pub(crate) mod redirect_uri;
mod roster;
mod sessions;
pub(crate) mod setup;
pub(crate) mod signing_key;
pub(crate) mod user_properties;
pub(crate) mod vault;
pub(crate) mod well_known;

use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};

use crate::{random, variety::Variety};
use app_registration::AppRegistration;
use app_roles::RoleAssignments;
use applications::{Applications, BuiltIn};
use browser_sessions::BrowserSessions;
use consents::Consents;
use grants::Grants;
use lag::Replication;
use managed_identity::Workload;
use people::{DOMAIN, OTHER_DOMAIN};
use person::Person;
use roster::Roster;
use sessions::Sessions;
use setup::Setup;
use signing_key::KeyRing;
use vault::Vault;
use well_known::MICROSOFT_ACCOUNT_TENANT;

/// The name of the API's client secret in the vault.
pub(crate) const CLIENT_SECRET_NAME: &str = "clientsecret";
/// The name of the web application's client secret in the vault.
const WEB_CLIENT_SECRET_NAME: &str = "appclientsecret";

/// The base URLs of the services, without a trailing slash.
pub(crate) struct Urls {
    pub(crate) authority: String,
    pub(crate) graph: String,
    pub(crate) vault: String,
    pub(crate) platform: String,
}

pub(crate) struct Directory {
    pub(crate) urls: Urls,
    pub(crate) tenant_id: String,
    pub(crate) other_tenant_id: String,
    /// The domain of the directory.
    pub(crate) domain: String,
    pub(crate) applications: Applications,
    /// Microsoft Graph.
    pub(crate) graph: Arc<AppRegistration>,
    /// The Azure CLI.
    pub(crate) azure_cli: Arc<AppRegistration>,
    /// The middle-tier API. It is registered for several directories.
    pub(crate) api: Arc<AppRegistration>,
    /// The identity that reads the vault.
    pub(crate) vault_reader: Arc<AppRegistration>,
    /// The web application that signs people in and calls the API.
    pub(crate) web_client: Arc<AppRegistration>,
    /// The single-page application that does the same.
    pub(crate) spa_client: Arc<AppRegistration>,
    /// The machine or the cluster on which applications run.
    pub(crate) workload: Workload,
    /// The Conditional Access policy that requires a second factor.
    pub(crate) policy_id: String,
    /// The Conditional Access policy that blocks.
    blocking_policy_id: String,
    /// The people of the start.
    pub(crate) people: Vec<Person>,
    pub(crate) administrator: Person,
    /// Everyone, as they are now.
    pub(crate) roster: Roster,
    pub(crate) keys: KeyRing,
    pub(crate) vault: Vault,
    pub(crate) sessions: Sessions,
    pub(crate) browser_sessions: BrowserSessions,
    pub(crate) consents: Consents,
    /// What applications may do by themselves.
    pub(crate) role_assignments: RoleAssignments,
    /// How long new objects are not found.
    pub(crate) replication: Replication,
    pub(crate) grants: Grants,
    /// Without it, answers have the form that they have.
    pub(crate) variety: Option<Variety>,
}

impl Directory {
    /// A new directory. It takes a second or less, most of it for RSA keys.
    pub(crate) fn new(urls: Urls, variety: Option<Variety>, setup: Setup) -> Result<Self> {
        let applications = Applications::default();
        let BuiltIn { graph, azure_cli, api, vault_reader, web_client, spa_client } = BuiltIn::register(&applications);
        let workload = Workload::register(&applications, &urls.platform);
        let vault = Vault::default();
        vault.set(CLIENT_SECRET_NAME, api.secret());
        vault.set(WEB_CLIENT_SECRET_NAME, web_client.secret());
        let tenant_id = setup.tenant_id.unwrap_or_else(random::guid);
        let (other_tenant_id, domain) = (random::guid(), setup.domain.unwrap_or_else(|| DOMAIN.to_owned()));
        let (consents, role_assignments) = (Consents::default(), RoleAssignments::default());
        for definition in &setup.applications {
            definition.register(&applications, &tenant_id, &workload.cluster.issuer);
        }
        for definition in &setup.applications {
            definition.connect(&applications, &consents, &role_assignments, &tenant_id);
        }
        let mut people = match setup.omits_built_in_people {
            true => Vec::new(),
            false => people::people(&tenant_id, &domain, &other_tenant_id),
        };
        people.extend(setup.people.into_iter().map(|definition| definition.person(&tenant_id, &domain)));
        let administrator = people::administrator(&tenant_id, &domain);
        let roster = Roster::default();
        roster.add(people.iter().cloned());
        roster.add_unlisted([administrator.clone()]);
        Ok(Self {
            people,
            administrator,
            roster,
            urls,
            tenant_id,
            other_tenant_id,
            domain,
            applications,
            graph,
            azure_cli,
            api,
            vault_reader,
            web_client,
            spa_client,
            workload,
            policy_id: random::guid(),
            blocking_policy_id: random::guid(),
            keys: KeyRing::new()?,
            vault,
            sessions: Sessions::default(),
            browser_sessions: BrowserSessions::default(),
            consents,
            role_assignments,
            replication: Replication::default(),
            grants: Grants::default(),
            variety,
        })
    }

    /// The directory id for a GUID or a domain; both occur in Entra's paths.
    pub(crate) fn tenant_id_of(&self, id_or_domain: &str) -> Option<&str> {
        let names = [
            (self.tenant_id.as_str(), self.domain.as_str()),
            (self.other_tenant_id.as_str(), OTHER_DOMAIN),
            (MICROSOFT_ACCOUNT_TENANT, "consumers"),
        ];
        let is_named = |name: &str| name.eq_ignore_ascii_case(id_or_domain);
        names.into_iter().find(|(id, domain)| is_named(id) || is_named(domain)).map(|(id, _)| id)
    }

    /// Adds ordinary members.
    pub(crate) fn add_members(&self, count: usize) -> Vec<Person> {
        let members: Vec<Person> = (0..count).map(|_| people::further_member(&self.tenant_id, &self.domain)).collect();
        self.roster.add_unlisted(members.iter().cloned());
        members
    }

    /// The application with this client id, unless lookups still miss it.
    pub(crate) fn application(&self, client_id: &str) -> Option<Arc<AppRegistration>> {
        self.applications.by_client_id(client_id).filter(|application| application.lag.has_passed())
    }

    /// Deletes an application, its service principals and its consents.
    pub(crate) fn delete_application(&self, application: &AppRegistration) {
        self.applications.delete(&application.object_id);
        let is_about = |id: &String| *id == application.client_id;
        self.role_assignments.withdraw(&application.client_id);
        self.consents.grants_mut().retain(|grant| !is_about(&grant.client_id) && !is_about(&grant.resource_id));
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
