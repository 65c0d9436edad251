//! JSON texts (RFC 8259) that mean the same.

use std::fmt::Write as _;

use fastrand::Rng;
use serde_json::{Value, json};

/// Names that no document gives, of every kind that JSON allows.
const UNKNOWN: [&str; 7] =
    ["extension", "x-ms-new", "@example.note", "", "__proto__", "$ref", "na\u{ef}ve \u{1f600}\n\"name\""];

/// Adds unknown members to objects at any depth.
pub(super) fn add_unknown_members(value: &mut Value, random: &mut Rng) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| add_unknown_members(item, random)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| add_unknown_members(member, random));
            for name in UNKNOWN {
                if random.u8(..4) == 0 {
                    members.entry(name).or_insert_with(|| unknown_value(random));
                }
            }
        }
        _ => {}
    }
}

fn unknown_value(random: &mut Rng) -> Value {
    let values = [
        Value::Null,
        json!(true),
        json!(-12.5e300),
        json!(u64::MAX),
        json!("text, and \u{7f}\u{2028}\u{1f600} \\u0041"),
        json!([]),
        json!([[], {}, [null, {"error": "none"}]]),
        json!({"error": {"code": "nested"}, "expires_in": -1, "value": {"value": {}}}),
    ];
    random.choice(values).unwrap_or_default()
}

/// A text of `value`: members in any order, whitespace anywhere, characters as escapes.
pub(super) fn text(value: &Value, random: &mut Rng) -> String {
    let mut text = String::new();
    write(value, &mut text, random);
    text
}

fn write(value: &Value, text: &mut String, random: &mut Rng) {
    blank(text, random);
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, text);
                write(item, text, random);
            }
            blank(text, random);
            text.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            random.shuffle(&mut members);
            text.push('{');
            for (index, (name, member)) in members.into_iter().enumerate() {
                separate(index, text);
                blank(text, random);
                write_string(name, text, random);
                blank(text, random);
                text.push(':');
                write(member, text, random);
            }
            blank(text, random);
            text.push('}');
        }
        Value::String(string) => write_string(string, text, random),
        Value::Null | Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
    }
    blank(text, random);
}

fn separate(index: usize, text: &mut String) {
    if index > 0 {
        text.push(',');
    }
}

fn blank(text: &mut String, random: &mut Rng) {
    if random.u8(..8) == 0 {
        text.push_str(random.choice([" ", "\t", "\n", "\r\n  "]).unwrap_or_default());
    }
}

fn write_string(string: &str, text: &mut String, random: &mut Rng) {
    text.push('"');
    for character in string.chars() {
        let must = matches!(character, '"' | '\\' | '\0'..'\u{20}');
        if must || random.u8(..16) == 0 {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = if random.bool() { write!(text, "\\u{unit:04x}") } else { write!(text, "\\u{unit:04X}") };
            }
        } else if character == '/' && random.bool() {
            text.push_str("\\/");
        } else {
            text.push(character);
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_reads_as_the_value() {
        let value = json!({
            "a": "\"\\/\u{0}\u{1f}\u{7f}\u{e9}\u{2028}\u{1f600}", "b": [1, -2.5, true, null, {}], "": {"c": []},
        });
        for seed in 0..200 {
            let text = text(&value, &mut Rng::with_seed(seed));
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn unknown_members_come_to_those_that_are_there() {
        let mut names = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut value = json!({"list": [{"known": 1}]});
            add_unknown_members(&mut value, &mut Rng::with_seed(seed));
            assert_eq!(value["list"][0]["known"], 1);
            names.extend(value["list"][0].as_object().unwrap().keys().cloned());
        }
        assert_eq!(names.len(), UNKNOWN.len() + 1, "{names:?}");
    }
}
