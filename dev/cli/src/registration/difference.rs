//! JSON objects: what a wanted one adds to the present one, and how a change reads.

use serde_json::{Map, Value};

/// By which member the objects of a list are known.
const KEYS: [&str; 5] = ["id", "appId", "resourceAppId", "name", "keyId"];

/// Complex properties of which Graph changes only the members that a request names.
const CHANGED_BY_MEMBER: [&str; 3] = ["api", "web", "spa"];

/// `current` with everything that `wanted` has. Lists keep what they have.
pub(super) fn merged(current: &Value, wanted: &Value) -> Value {
    match (current, wanted) {
        (Value::Object(current), Value::Object(wanted)) => {
            let mut merge = current.clone();
            for (name, value) in wanted {
                let merged = merged(current.get(name).unwrap_or(&Value::Null), value);
                merge.insert(name.clone(), merged);
            }
            merge.into()
        }
        (Value::Array(current), Value::Array(wanted)) => {
            let mut merge = current.clone();
            for value in wanted {
                match merge.iter_mut().find(|own| is_same(own, value)) {
                    Some(own) => *own = merged(own, value),
                    None => merge.push(value.clone()),
                }
            }
            merge.into()
        }
        _ => wanted.clone(),
    }
}

/// Whether two elements of a list are about the same.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let key = KEYS.iter().find(|&&key| other.contains_key(key));
            key.is_some_and(|&key| one.get(key) == other.get(key))
        }
        _ => one == other,
    }
}

/// The body of a request that makes `current` what `wanted` says, and nothing else; `None` if it is so already.
pub(super) fn patch(current: &Value, wanted: &Value) -> Option<Value> {
    let mut body = Map::new();
    for (name, value) in wanted.as_object()? {
        let own = current.get(name).unwrap_or(&Value::Null);
        let change = match CHANGED_BY_MEMBER.contains(&name.as_str()) {
            true => patch(own, value),
            false => Some(merged(own, value)).filter(|merged| merged != own),
        };
        if let Some(change) = change {
            body.insert(name.clone(), change);
        }
    }
    (!body.is_empty()).then_some(body.into())
}

/// The lines that show what a request with this body changes: `- ` before what goes, `+ ` before what comes.
pub(super) fn lines(current: &Value, body: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    append(&mut lines, "", current, body);
    lines
}

fn append(lines: &mut Vec<String>, path: &str, current: &Value, new: &Value) {
    match new {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                append(lines, &path, current.get(name).unwrap_or(&Value::Null), value);
            }
        }
        Value::Array(elements) => {
            let own = current.as_array().map(Vec::as_slice).unwrap_or_default();
            let gone = own.iter().filter(|own| !elements.contains(own));
            lines.extend(gone.map(|own| format!("- {path}: {own}")));
            let come = elements.iter().filter(|element| !own.contains(element));
            lines.extend(come.map(|element| format!("+ {path}: {element}")));
        }
        _ if new == current => {}
        _ => {
            if !current.is_null() {
                lines.push(format!("- {path}: {current}"));
            }
            lines.push(format!("+ {path}: {new}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_stays_and_what_is_missing_comes() {
        let current = json!({
            "displayName": "theirs", "tags": ["a"], "optionalClaims": {"idToken": [], "accessToken": [{"name": "x", "essential": true}]},
            "api": {"version": null, "scopes": [{"id": "1", "value": "s", "text": "theirs"}], "clients": []},
        });
        for (wanted, expected) in [
            (json!({}), Value::Null),
            (json!({"displayName": "theirs", "tags": [], "api": {}}), Value::Null),
            (json!({"optionalClaims": {"accessToken": [{"name": "x"}]}}), Value::Null),
            (json!({"tags": ["b", "a"]}), json!({"tags": ["a", "b"]})),
            (json!({"api": {"version": 2, "scopes": [{"id": "1"}]}}), json!({"api": {"version": 2}})),
            (
                json!({"api": {"scopes": [{"id": "2"}, {"id": "1", "value": "t"}]}}),
                json!({"api": {"scopes": [{"id": "1", "value": "t", "text": "theirs"}, {"id": "2"}]}}),
            ),
            (
                json!({"optionalClaims": {"accessToken": [{"name": "y"}]}}),
                json!({"optionalClaims": {"idToken": [], "accessToken": [{"name": "x", "essential": true}, {"name": "y"}]}}),
            ),
            (json!({"web": {"redirectUris": ["u"]}}), json!({"web": {"redirectUris": ["u"]}})),
        ] {
            let body = patch(&current, &wanted).unwrap_or_default();
            assert_eq!(body, expected, "{wanted}");
            // What was changed needs no second change.
            assert_eq!(patch(&merged(&current, &wanted), &wanted), None, "{wanted}");
        }
    }

    #[test]
    fn a_change_reads_as_lines() {
        let current = json!({"name": "old", "list": [1, 2], "api": {"version": null}, "same": true});
        let body = json!({"name": "new", "list": [2, 3], "api": {"version": 2}, "same": true});
        let expected = ["+ api.version: 2", "- list: 1", "+ list: 3", "- name: \"old\"", "+ name: \"new\""];
        assert_eq!(lines(&current, &body), expected);
    }
}
