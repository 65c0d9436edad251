//! What a configuration file adds to the emulated tenant.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use anyhow::{Result, anyhow};
use serde::Deserialize;
use toml::Spanned;

use super::{
    application_definition::ApplicationDefinition,
    applications::{Applications, BuiltIn},
    checked, people,
    person_definition::PersonDefinition,
};

/// A configuration: people and applications to be added, and fixed ids and ports.
#[derive(Clone, Default)]
pub struct Setup {
    /// The ports of the file.
    pub ports: Ports,
    pub(super) tenant_id: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) omits_built_in_people: bool,
    pub(super) people: Vec<PersonDefinition>,
    pub(super) applications: Vec<ApplicationDefinition>,
}

/// The ports of the file, those that it has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the port of what it is called after")]
pub struct Ports {
    pub entra: Option<u16>,
    pub graph: Option<u16>,
    pub vault: Option<u16>,
    pub platform: Option<u16>,
    pub admin: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, deserialize_with = "checked::guid")]
    tenant_id: Option<String>,
    #[serde(default, deserialize_with = "checked::domain")]
    domain: Option<String>,
    #[serde(default = "yes")]
    built_in_people: bool,
    #[serde(default)]
    ports: Ports,
    #[serde(default)]
    person: Vec<Spanned<PersonDefinition>>,
    #[serde(default)]
    application: Vec<Spanned<ApplicationDefinition>>,
}

const fn yes() -> bool {
    true
}

impl Setup {
    /// Reads a configuration file in TOML.
    ///
    /// # Errors
    /// When something in it cannot be used; the error names the line and what to write.
    pub fn from_toml(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| at(text, error.span(), error.message()))?;
        check_people(&file)
            .and_then(|()| check_applications(&file))
            .map_err(|(span, message)| at(text, Some(span), &message))?;
        Ok(Self {
            ports: file.ports,
            tenant_id: file.tenant_id,
            domain: file.domain,
            omits_built_in_people: !file.built_in_people,
            people: file.person.into_iter().map(Spanned::into_inner).collect(),
            applications: file.application.into_iter().map(Spanned::into_inner).collect(),
        })
    }
}

fn at(text: &str, span: Option<Range<usize>>, message: &str) -> anyhow::Error {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    anyhow!("line {}: {message}", before.matches('\n').count() + 1)
}

type Misplaced = (Range<usize>, String);

fn check_people(file: &File) -> Result<(), Misplaced> {
    let mut names: BTreeSet<&str> = people::names(file.built_in_people).collect();
    let mut object_ids = BTreeSet::new();
    for person in &file.person {
        let PersonDefinition { name, object_id, .. } = person.get_ref();
        if !names.insert(name) {
            let message = format!("there is a person called {name:?} already: write another name");
            return Err((person.span(), message));
        }
        if object_id.as_ref().is_some_and(|id| !object_ids.insert(id)) {
            return Err((person.span(), format!("{name:?} has the object_id of another person: write another one")));
        }
    }
    Ok(())
}

fn check_applications(file: &File) -> Result<(), Misplaced> {
    let (mut scopes_by_name, mut roles_by_name, mut ids) = built_in_applications();
    for application in &file.application {
        let ApplicationDefinition { name, client_id, id_uri, scopes, roles, .. } = application.get_ref();
        if scopes_by_name.insert(name.clone(), scopes.clone()).is_some() {
            let message = format!("there is an application called {name:?} already: write another name");
            return Err((application.span(), message));
        }
        roles_by_name.insert(name.clone(), roles.clone());
        if let Some(id) = client_id.iter().chain(id_uri).find(|id| !ids.insert((*id).clone())) {
            return Err((application.span(), format!("another application has {id:?} already: write another one")));
        }
    }
    for application in &file.application {
        let ApplicationDefinition { name, pre_authorized, permissions, application_permissions, .. } =
            application.get_ref();
        let fail = |key, problem| Err((application.span(), format!("application {name:?}: {key}: {problem}")));
        if let Some(client) = pre_authorized.iter().find(|client| !scopes_by_name.contains_key(*client)) {
            return fail("pre_authorized", no_application(client, &scopes_by_name));
        }
        for (key, kind, by_name, wanted) in [
            ("permissions", "scope", &scopes_by_name, permissions),
            ("application_permissions", "role", &roles_by_name, application_permissions),
        ] {
            for (resource, wanted) in wanted {
                let Some(offered) = by_name.get(resource) else {
                    return fail(key, no_application(resource, by_name));
                };
                if let Some(permission) = wanted.iter().find(|permission| !offered.contains(permission)) {
                    let choice = match offered.is_empty() {
                        true => format!("give it `{kind}s`"),
                        false => format!("write one of {}", quoted(offered)),
                    };
                    return fail(key, format!("{resource:?} has no {kind} {permission:?}: {choice}"));
                }
            }
        }
    }
    Ok(())
}

/// Names of permissions, by the name of the application that offers them.
type NamesByApplication = BTreeMap<String, Vec<String>>;

/// The scopes and roles of each built-in application by its name, and all their ids.
fn built_in_applications() -> (NamesByApplication, NamesByApplication, BTreeSet<String>) {
    let applications = Applications::default();
    BuiltIn::register(&applications);
    let (mut scopes_by_name, mut roles_by_name, mut ids) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for application in applications.all() {
        let manifest = application.manifest();
        let scopes = manifest.scopes().map(|scope| scope.value.clone()).collect();
        scopes_by_name.insert(manifest.display_name.clone(), scopes);
        let roles = application.roles.iter().map(|role| role.value.clone()).collect();
        roles_by_name.insert(manifest.display_name.clone(), roles);
        ids.insert(application.client_id.clone());
        ids.extend(manifest.identifier_uris.iter().cloned());
    }
    (scopes_by_name, roles_by_name, ids)
}

fn no_application(name: &str, scopes_by_name: &BTreeMap<String, Vec<String>>) -> String {
    format!("there is no application called {name:?}: write one of {}", quoted(scopes_by_name.keys()))
}

fn quoted<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_right() {
        let setup = Setup::from_toml(include_str!("../../example.toml")).unwrap();
        assert_eq!((setup.people.len(), setup.applications.len(), setup.ports.admin), (2, 2, Some(7705)));
    }

    #[test]
    fn errors_name_the_line_and_what_to_write() {
        let person = "[[person]]\nname = \"erin\"\ngiven_name = \"Erin\"\nsurname = \"Blum\"\n";
        let api = "[[application]]\nname = \"API\"\nscopes = [\"Read\"]\n";
        for (text, expected) in [
            ("tenant = 1", "line 1: unknown field `tenant`, expected one of `tenant_id`, `domain`,"),
            ("\ntenant_id = \"x\"", "line 2: \"x\" is not valid here: write a GUID, such as"),
            ("domain = \"Contoso\"", "line 1: \"Contoso\" is not valid here: write a domain in lower case, such as"),
            ("a b", "line 1: "),
            ("[ports]\nentra = 70000", "line 2: invalid value: integer `70000`, expected u16"),
            ("[[person]]\nname = \"erin\"\nsurname = \"Blum\"", "line 1: missing field `given_name`"),
            (&format!("{person}exchange = \"barred\""), "line 5: unknown variant `barred`, expected one of `granted`,"),
            (&format!("{person}\nphoto = \"no\""), "line 6: invalid type: string \"no\", expected a boolean"),
            (
                &format!("{person}[person.profile]\njob = 1"),
                "line 6: \"job\" is not valid here: write one of businessPhones,",
            ),
            (
                &format!("{person}[person.profile]\njobTitle = \"Smith\"\ncreatedDateTime = 2024-02-29T08:00:00Z"),
                "line 7: write a text, a number, true, false or a list of texts; put a time in quotes",
            ),
            (&format!("{person}\n{person}"), "line 6: there is a person called \"erin\" already: write another name"),
            (&person.replace("erin", "ada"), "line 1: there is a person called \"ada\" already: write another name"),
            (&person.replace("erin", "Erin K"), "line 2: \"Erin K\" is not valid here: write a name of lower-case"),
            (&format!("{api}\n{api}"), "line 5: there is an application called \"API\" already: write another name"),
            (
                &format!("{api}client_id = \"00000003-0000-0000-c000-000000000000\""),
                "line 1: another application has \"00000003-0000-0000-c000-000000000000\" already: write another one",
            ),
            (&format!("{api}access_token_version = 3"), "line 4: 3 is not valid here: write 1 or 2"),
            (&format!("{api}scopes = []"), "line 4: duplicate key"),
            (
                &format!("{api}web_redirect_uris = [\n\"http://app.example/\"]"),
                "line 4: \"http://app.example/\" must be https, or http on localhost or 127.0.0.1",
            ),
            (
                &format!("{api}permissions = {{ Graph = [\"User.Read\"] }}"),
                "line 1: application \"API\": permissions: there is no application called \"Graph\": write one of",
            ),
            (
                &format!("{api}permissions = {{ \"API\" = [\"Write\"] }}"),
                "line 1: application \"API\": permissions: \"API\" has no scope \"Write\": write one of \"Read\"",
            ),
            (
                &format!("{api}application_permissions = {{ \"API\" = [\"Read\"] }}"),
                "line 1: application \"API\": application_permissions: \"API\" has no role \"Read\": give it `roles`",
            ),
            (
                &format!("{api}pre_authorized = [\"Client\"]"),
                "line 1: application \"API\": pre_authorized: there is no application called \"Client\": write one of",
            ),
        ] {
            let error = Setup::from_toml(text).err().unwrap().to_string();
            assert!(error.starts_with(expected), "{text}\n\n{error}\n{expected}");
        }
    }
}
