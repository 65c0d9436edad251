//! Values in definitions of people and applications, checked while they are read: whoever reads them adds the place.

use std::{collections::BTreeMap, fmt::Display};

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;
use uuid::Uuid;

use super::{redirect_uri::RedirectUri, user_properties};
use crate::jwt::Object;

/// Properties of users that have keys of their own in a definition.
const OWN_KEYS: [&str; 6] = ["id", "displayName", "givenName", "surname", "userPrincipalName", "accountEnabled"];

/// A GUID.
pub(super) fn guid<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, "a GUID, such as \"3b241101-e2bb-4255-8caf-4136c566a962\"", |text| {
        text.len() == 36 && Uuid::try_parse(text).is_ok()
    })
    .map(Some)
}

/// A domain with a dot.
pub(super) fn domain<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, "a domain in lower case, such as \"contoso.example\"", is_domain).map(Some)
}

/// A short name in lower case, for use in addresses.
pub(super) fn handle<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from, "a name of lower-case letters, digits and hyphens, such as \"erin\"", |text| {
        !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    })
}

/// A name at a domain.
pub(super) fn user_principal_name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, "a sign-in name, such as \"erin@contoso.example\"", |text| {
        text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && is_domain(domain))
    })
    .map(Some)
}

/// A text that is not empty.
pub(super) fn filled<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from, "a text that is not empty", |text| !text.is_empty())
}

/// The same, optional.
pub(super) fn optionally_filled<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    filled(from).map(Some)
}

/// The version of access tokens.
pub(super) fn token_version<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    match u8::deserialize(from)? {
        version @ 1..=2 => Ok(version),
        other => Err(unexpected(other, "1 or 2")),
    }
}

/// Names of permissions.
pub(super) fn scopes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    list(from, "a name without spaces, such as \"Orders.Read\"", |name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'/'))
    })
}

/// Service accounts of the cluster.
pub(super) fn service_accounts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    list(from, "a namespace and a name, such as \"default/orders\"", |account| {
        account.split_once('/').is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
    })
}

/// Redirect URIs that Entra would register.
pub(super) fn redirect_uris<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let uris = Vec::<String>::deserialize(from)?;
    match uris.iter().find_map(|uri| RedirectUri::parse(uri).err()) {
        None => Ok(uris),
        Some(error) => Err(D::Error::custom(error)),
    }
}

/// Properties of a Graph user.
pub(super) fn profile<'de, D: Deserializer<'de>>(from: D) -> Result<Object, D::Error> {
    let profile = BTreeMap::<PropertyName, PropertyValue>::deserialize(from)?;
    Ok(profile.into_iter().map(|(name, value)| (name.0, value.0)).collect())
}

/// Its errors have the place of the name alone, not of the whole profile.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct PropertyName(String);

impl<'de> Deserialize<'de> for PropertyName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let known: Vec<&str> = user_properties::all().filter(|known| !OWN_KEYS.contains(known)).collect();
        text(from, &format!("one of {}", known.join(", ")), |name| known.contains(&name)).map(Self)
    }
}

struct PropertyValue(Value);

impl<'de> Deserialize<'de> for PropertyValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let is_simple = match &value {
            Value::Object(_) => false,
            Value::Array(items) => items.iter().all(Value::is_string),
            _ => true,
        };
        match is_simple {
            true => Ok(Self(value)),
            false => {
                Err(D::Error::custom("write a text, a number, true, false or a list of texts; put a time in quotes"))
            }
        }
    }
}

fn is_domain(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    text.contains('.') && text.split('.').all(is_label)
}

fn text<'de, D: Deserializer<'de>>(
    from: D,
    expected: &str,
    is_valid: impl FnOnce(&str) -> bool,
) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    match is_valid(&text) {
        true => Ok(text),
        false => Err(unexpected(format_args!("{text:?}"), expected)),
    }
}

fn list<'de, D: Deserializer<'de>>(
    from: D,
    expected: &str,
    is_valid: impl Fn(&str) -> bool,
) -> Result<Vec<String>, D::Error> {
    let items = Vec::<String>::deserialize(from)?;
    match items.iter().find(|item| !is_valid(item)) {
        None => Ok(items),
        Some(item) => Err(unexpected(format_args!("{item:?}"), expected)),
    }
}

fn unexpected<E: Error>(value: impl Display, expected: &str) -> E {
    E::custom(format!("{value} is not valid here: write {expected}"))
}
