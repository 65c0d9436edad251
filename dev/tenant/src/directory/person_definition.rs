//! People as configuration files and the admin interface define and change them.

use serde::Deserialize;
use serde_json::json;

use super::{
    checked,
    person::{ExchangeRule, GraphRule, Person},
};
use crate::{
    jwt::{Object, object},
    random,
};

/// A person to be added. What is left out is chosen as Entra would, or at random.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonDefinition {
    #[serde(deserialize_with = "checked::handle")]
    pub(crate) name: String,
    #[serde(deserialize_with = "checked::filled")]
    pub(crate) given_name: String,
    #[serde(deserialize_with = "checked::filled")]
    pub(crate) surname: String,
    #[serde(default, deserialize_with = "checked::guid")]
    pub(crate) object_id: Option<String>,
    #[serde(default, deserialize_with = "checked::user_principal_name")]
    pub(crate) user_principal_name: Option<String>,
    #[serde(default)]
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) exchange: ExchangeRule,
    #[serde(default)]
    pub(crate) graph: GraphRule,
    #[serde(default = "yes")]
    pub(crate) photo: bool,
    #[serde(default)]
    pub(crate) administrator: bool,
    #[serde(default, deserialize_with = "checked::profile")]
    pub(crate) profile: Object,
}

const fn yes() -> bool {
    true
}

impl PersonDefinition {
    pub(crate) fn person(self, tenant_id: &str, domain: &str) -> Person {
        let display_name = format!("{} {}", self.given_name, self.surname);
        let object_id = self.object_id.unwrap_or_else(random::guid);
        let user_principal_name = self.user_principal_name.unwrap_or_else(|| format!("{}@{domain}", self.name));
        let mut profile = object(json!({
            "businessPhones": [],
            "displayName": display_name,
            "givenName": self.given_name,
            "id": object_id,
            "surname": self.surname,
            "userPrincipalName": user_principal_name,
            "userType": "Member",
        }));
        profile.extend(self.profile);
        Person {
            name: self.name,
            display_name,
            object_id,
            user_principal_name,
            tenant_id: tenant_id.to_owned(),
            about: self.about,
            exchange: self.exchange,
            graph: self.graph,
            has_photo: self.photo,
            is_administrator: self.administrator,
            profile,
        }
    }
}

/// What is to be different about a person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonChange {
    exchange: Option<ExchangeRule>,
    graph: Option<GraphRule>,
    photo: Option<bool>,
    administrator: Option<bool>,
    /// Properties; null removes one.
    #[serde(default, deserialize_with = "checked::profile")]
    profile: Object,
}

impl PersonChange {
    pub(crate) fn apply(self, person: &mut Person) {
        person.exchange = self.exchange.unwrap_or(person.exchange);
        person.graph = self.graph.unwrap_or(person.graph);
        person.has_photo = self.photo.unwrap_or(person.has_photo);
        person.is_administrator = self.administrator.unwrap_or(person.is_administrator);
        person.profile.extend(self.profile);
    }
}
