//! The people of the directory. To demonstrate another behaviour, add an entry.

use serde_json::json;

use super::{
    person::{ExchangeRule, GraphRule, Person},
    person_definition::PersonDefinition,
    well_known::MICROSOFT_ACCOUNT_TENANT,
};
use crate::jwt::{Object, object};

/// The domain of the directory.
pub(crate) const DOMAIN: &str = "emulated-tenant.example";
/// The domain of the second directory.
pub(crate) const OTHER_DOMAIN: &str = "other-tenant.example";

/// The domain of personal Microsoft accounts.
const PERSONAL_DOMAIN: &str = "personal-account.example";

/// All people, with new object ids.
pub(crate) fn people(tenant_id: &str, domain: &str, other_tenant_id: &str) -> Vec<Person> {
    let mut people: Vec<Person> = MEMBERS.iter().map(|member| member.person(tenant_id, domain)).collect();
    people.push(STRANGER.person(other_tenant_id, OTHER_DOMAIN));
    people.push(CUSTOMER.person(MICROSOFT_ACCOUNT_TENANT, PERSONAL_DOMAIN));
    people
}

/// The names that these people have, those in the directory too whom no page lists.
pub(super) fn names(with_built_in: bool) -> impl Iterator<Item = &'static str> {
    let built_in = MEMBERS.iter().chain([&STRANGER, &CUSTOMER]).filter(move |_| with_built_in);
    built_in.chain([&FURTHER_MEMBER, &ADMINISTRATOR]).map(|entry| entry.name)
}

/// One more ordinary member, who is not listed anywhere.
pub(crate) fn further_member(tenant_id: &str, domain: &str) -> Person {
    FURTHER_MEMBER.person(tenant_id, domain)
}

/// The administrator, who is not listed anywhere.
pub(crate) fn administrator(tenant_id: &str, domain: &str) -> Person {
    ADMINISTRATOR.person(tenant_id, domain)
}

struct Entry {
    name: &'static str,
    given_name: &'static str,
    surname: &'static str,
    about: &'static str,
    exchange: ExchangeRule,
    graph: GraphRule,
    has_photo: bool,
    is_administrator: bool,
}

/// A member for whom everything works.
const fn member(name: &'static str, given_name: &'static str, surname: &'static str, about: &'static str) -> Entry {
    Entry {
        name,
        given_name,
        surname,
        about,
        exchange: ExchangeRule::Granted,
        graph: GraphRule::Profile,
        has_photo: true,
        is_administrator: false,
    }
}

impl Entry {
    /// The same, but Entra answers an exchange by `exchange`.
    const fn exchanged(mut self, exchange: ExchangeRule) -> Self {
        self.exchange = exchange;
        self
    }

    /// The same, but Graph answers by `graph`.
    const fn answered(mut self, graph: GraphRule) -> Self {
        self.graph = graph;
        self
    }

    const fn administrating(mut self) -> Self {
        self.is_administrator = true;
        self
    }

    const fn without_photo(mut self) -> Self {
        self.has_photo = false;
        self
    }

    fn person(&self, tenant_id: &str, domain: &str) -> Person {
        let definition = PersonDefinition {
            name: self.name.to_owned(),
            given_name: self.given_name.to_owned(),
            surname: self.surname.to_owned(),
            object_id: None,
            user_principal_name: None,
            about: self.about.to_owned(),
            exchange: self.exchange,
            graph: self.graph,
            photo: self.has_photo,
            administrator: self.is_administrator,
            // zoe has the few properties that a sparse account has.
            profile: if self.name == "zoe" { Object::new() } else { full_profile(self.name, domain) },
        };
        definition.person(tenant_id, domain)
    }
}

fn full_profile(name: &str, domain: &str) -> Object {
    object(json!({
        "businessPhones": ["+1 555 0100"],
        "jobTitle": "Analyst",
        "mail": format!("{name}@{domain}"),
        "mobilePhone": "+1 555 0101",
        "officeLocation": "4/1024",
        "preferredLanguage": "en-GB",
        "city": "London",
        "companyName": "Emulated Tenant",
        "country": "United Kingdom",
        "createdDateTime": "2024-02-29T08:00:00Z",
        "department": "Research",
        "employeeId": "E-1815",
        "mailNickname": name,
        "usageLocation": "GB",
    }))
}

const MEMBERS: &[Entry] = &[
    member("ada", "Ada", "Marsh", "An ordinary member: everything works."),
    member(
        "mona",
        "Mona",
        "Farouk",
        "Must pass multifactor authentication: the exchange answers with a claims challenge.",
    )
    .exchanged(ExchangeRule::NeedsSecondFactor),
    member("connie", "Connie", "Nilsen", "Never consented to the API calling Graph.")
        .exchanged(ExchangeRule::NeverConsented),
    member("adrian", "Adrian", "Cole", "Needs a permission that only an administrator can consent to.")
        .exchanged(ExchangeRule::NeedsAdminConsent),
    member("blake", "Blake", "Osei", "Is blocked by Conditional Access. The client cannot resolve it.")
        .exchanged(ExchangeRule::Blocked),
    member("rhea", "Rhea", "Vogel", "Signed out everywhere: the token's session is revoked.")
        .exchanged(ExchangeRule::SessionRevoked),
    member("dora", "Dora", "Lindqvist", "The account is disabled.").exchanged(ExchangeRule::Disabled),
    member("una", "Una", "Strand", "Is not assigned to the application.").exchanged(ExchangeRule::NotAssigned),
    member(
        "lou",
        "Lou",
        "Pereira",
        "Entra detects a loop of identical requests: throttling under the error invalid_grant.",
    )
    .exchanged(ExchangeRule::LoopDetected),
    member(
        "tess",
        "Tess",
        "Holm",
        "Entra throttles the exchange: 429 with Retry-After; for 2 seconds no token is issued to anyone new.",
    )
    .exchanged(ExchangeRule::Throttled),
    member("gil", "Gil", "Throssel", "Graph throttles: 429 with a fractional Retry-After.")
        .answered(GraphRule::Throttled),
    member("gus", "Gus", "Verhoeven", "Graph throttles: 429 under another error code, without Retry-After.")
        .answered(GraphRule::ThrottledWithoutRetryAfter),
    member("uma", "Uma", "Petit", "Graph is unavailable: 503 with Retry-After.").answered(GraphRule::Unavailable),
    member("fay", "Fay", "Denholm", "Graph forbids: 403 Authorization_RequestDenied.").answered(GraphRule::Forbidden),
    member("noel", "Noel", "Absalom", "Graph does not find the account: 404 Request_ResourceNotFound.")
        .answered(GraphRule::NotFound),
    member(
        "rex",
        "Rex",
        "Calloway",
        "Is signed out everywhere after the first exchange. Graph challenges, and only a new sign-in helps.",
    )
    .exchanged(ExchangeRule::SignedOutAfterExchange),
    member(
        "cleo",
        "Cleo",
        "Barros",
        "Graph challenges by continuous access evaluation. An exchange with its claims helps.",
    )
    .answered(GraphRule::ChallengesLocation),
    member(
        "iris",
        "Iris",
        "Novak",
        "Graph challenges, and the exchange with its claims then needs multifactor authentication.",
    )
    .exchanged(ExchangeRule::NeedsSecondFactorAfterChallenge)
    .answered(GraphRule::ChallengesLocation),
    member("pia", "Pia", "Keller", "Has no photo.").without_photo(),
    member("zoe", "Zoë", "Łukasiewicz-山田", "A sparse profile: most properties are null, the name is not ASCII.")
        .without_photo(),
    member("kit", "Kit", "Ames", "Gets short-lived Graph tokens that are to be refreshed early.")
        .exchanged(ExchangeRule::GrantedBriefly),
];

const FURTHER_MEMBER: Entry = member("member", "Further", "Member", "An ordinary member: one of many.");
const ADMINISTRATOR: Entry = member(
    "greta",
    "Greta",
    "Lind",
    "The administrator: registers applications, consents for everyone, writes secrets (no sign-in page lists her).",
)
.administrating();
const STRANGER: Entry =
    member("otto", "Otto", "Reyes", "An ordinary member of another directory (no sign-in page lists him).");
const CUSTOMER: Entry = member(
    "paula",
    "Paula",
    "Ivers",
    "Has a personal Microsoft account, and never consented to the API calling Graph (no sign-in page lists her).",
)
.exchanged(ExchangeRule::NeverConsented);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_short_handles() {
        let people = people("home", DOMAIN, "elsewhere");
        let mut names: Vec<_> = people.iter().map(|person| person.name.as_str()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase())));
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_sparse_profile_is_mostly_null() {
        let people = people("home", DOMAIN, "elsewhere");
        let property =
            |name: &str, property| people.iter().find(|person| person.name == name).unwrap().property(property);
        assert_eq!(property("zoe", "jobTitle"), serde_json::Value::Null);
        assert_eq!(property("zoe", "displayName"), json!("Zoë Łukasiewicz-山田"));
        assert_eq!(property("ada", "jobTitle"), json!("Analyst"));
    }
}
