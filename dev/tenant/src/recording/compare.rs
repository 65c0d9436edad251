//! Compares a response with a recording: member by member, header by header.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::{Map, Value};

use super::{file::Recording, normalise::NormalResponse};

/// One place where a response differs from the recording.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `status`, `header NAME`, or `body` with the names of members.
    pub at: String,
    /// The recorded value, if any.
    pub recorded: Option<String>,
    /// The value in the response, if any.
    pub answered: Option<String>,
}

impl Recording {
    /// The differences between `response` and this.
    pub fn differences(&self, response: &NormalResponse) -> BTreeSet<Difference> {
        let mut found = BTreeSet::new();
        note(&mut found, "status".to_owned(), Some(self.status.to_string()), Some(response.status.to_string()));
        if let Some(headers) = &self.headers {
            let (recorded, answered) = (by_name(headers), by_name(&response.headers));
            for name in recorded.keys().chain(answered.keys()) {
                let joined = |headers: &BTreeMap<&str, Vec<&str>>| headers.get(name).map(|values| values.join(" | "));
                note(&mut found, format!("header {name}"), joined(&recorded), joined(&answered));
            }
        }
        if let Some(body) = &self.body {
            compare(&mut found, "body", Some(body), Some(&response.body), self.is_partial);
        }
        found
    }
}

fn by_name(headers: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, value) in headers.iter().filter_map(|line| line.split_once(": ")) {
        by_name.entry(name).or_default().push(value);
    }
    by_name
}

fn compare(
    found: &mut BTreeSet<Difference>,
    at: &str,
    recorded: Option<&Value>,
    answered: Option<&Value>,
    is_partial: bool,
) {
    if let (Some(Value::Object(recorded)), Some(Value::Object(answered))) = (recorded, answered) {
        for name in names(recorded, answered, is_partial) {
            compare(found, &format!("{at}.{name}"), recorded.get(name), answered.get(name), is_partial);
        }
    } else {
        note(found, at.to_owned(), recorded.map(ToString::to_string), answered.map(ToString::to_string));
    }
}

/// The members to compare: those of both, or where the recording is partial, its own.
fn names<'a>(
    recorded: &'a Map<String, Value>,
    answered: &'a Map<String, Value>,
    is_partial: bool,
) -> impl Iterator<Item = &'a String> {
    recorded.keys().chain(answered.keys().filter(move |name| !is_partial && !recorded.contains_key(*name)))
}

fn note(found: &mut BTreeSet<Difference>, at: String, recorded: Option<String>, answered: Option<String>) {
    if recorded != answered {
        found.insert(Difference { at, recorded, answered });
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{}: recorded {}, answered {}", self.at, shown(&self.recorded), shown(&self.answered))
    }
}
