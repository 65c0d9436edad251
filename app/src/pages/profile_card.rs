//! The properties of a Graph user that the card shows.

use serde_json::{Map, Value};

/// A person's card.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ProfileCard {
    /// The name.
    pub(crate) name: String,
    /// The job.
    pub(crate) job_title: Option<String>,
    /// Everything else, in the order of the page.
    pub(crate) rows: Vec<Row>,
}

/// One line of a card; without entries the value is unknown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// What it is.
    pub(crate) label: &'static str,
    /// Its values.
    pub(crate) entries: Vec<Entry>,
}

/// A value and its link.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The value.
    pub(crate) text: String,
    /// A `mailto:` or `tel:` address.
    pub(crate) link: Option<String>,
}

impl ProfileCard {
    /// The card of a user as Graph sends it: <https://learn.microsoft.com/graph/api/resources/user>.
    #[must_use]
    pub(crate) fn of(profile: &Map<String, Value>) -> Self {
        let name = text(profile, "displayName").or_else(|| text(profile, "userPrincipalName"));
        let phones = profile.get("businessPhones").and_then(Value::as_array);
        let phones = phones.into_iter().flatten().filter_map(Value::as_str).filter(|phone| !phone.is_empty());
        Self {
            name: name.unwrap_or_else(|| "No name".to_owned()),
            job_title: text(profile, "jobTitle"),
            rows: vec![
                Row { label: "Mail", entries: text(profile, "mail").map(mail).into_iter().collect() },
                Row { label: "Phone", entries: phones.map(|phone| telephone(phone.to_owned())).collect() },
                Row { label: "Mobile", entries: text(profile, "mobilePhone").map(telephone).into_iter().collect() },
                Row { label: "Office", entries: text(profile, "officeLocation").map(plain).into_iter().collect() },
                Row {
                    label: "Sign-in name",
                    entries: text(profile, "userPrincipalName").map(plain).into_iter().collect(),
                },
            ],
        }
    }
}

fn text(profile: &Map<String, Value>, property: &str) -> Option<String> {
    profile.get(property)?.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

const fn plain(text: String) -> Entry {
    Entry { text, link: None }
}

fn mail(text: String) -> Entry {
    let is_address =
        text.contains('@') && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?&%\"<>".contains(&byte));
    Entry { link: is_address.then(|| format!("mailto:{text}")), text }
}

/// RFC 3966 section 3: digits, with a plus before those of an international number.
fn telephone(text: String) -> Entry {
    let number: String = text.chars().filter(|character| character.is_ascii_digit() || *character == '+').collect();
    Entry { link: (number.len() > 2).then(|| format!("tel:{number}")), text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ProfileCard;

    fn card(profile: &Value) -> ProfileCard {
        ProfileCard::of(profile.as_object().unwrap())
    }

    fn row<'a>(card: &'a ProfileCard, label: &str) -> Vec<(&'a str, Option<&'a str>)> {
        let row = card.rows.iter().find(|row| row.label == label).unwrap();
        row.entries.iter().map(|entry| (entry.text.as_str(), entry.link.as_deref())).collect()
    }

    #[test]
    fn a_full_profile_fills_the_card() {
        let card = card(&json!({
            "displayName": "Ada Marsh", "jobTitle": "Analyst", "mail": "ada@example.com", "mobilePhone": "+1 555 0101",
            "businessPhones": ["+1 (555) 0100", "x"], "officeLocation": "4/1024",
        }));
        assert_eq!((card.name.as_str(), card.job_title.as_deref()), ("Ada Marsh", Some("Analyst")));
        assert_eq!(row(&card, "Mail"), [("ada@example.com", Some("mailto:ada@example.com"))]);
        assert_eq!(row(&card, "Phone"), [("+1 (555) 0100", Some("tel:+15550100")), ("x", None)]);
        assert_eq!(row(&card, "Office"), [("4/1024", None)]);
    }

    #[test]
    fn a_sparse_or_odd_profile_leaves_lines_empty() {
        let card = card(&json!({
            "displayName": " ", "userPrincipalName": "zoe@example.com", "jobTitle": null, "mail": "a@b?cc=c",
            "businessPhones": "none", "mobilePhone": 5,
        }));
        assert_eq!((card.name.as_str(), card.job_title.as_deref()), ("zoe@example.com", None));
        assert_eq!(row(&card, "Mail"), [("a@b?cc=c", None)]);
        assert!(row(&card, "Phone").is_empty() && row(&card, "Mobile").is_empty() && row(&card, "Office").is_empty());
    }
}
