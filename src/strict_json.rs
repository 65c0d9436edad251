//! JSON objects read without mercy.
//!
//! RFC 7519 section 4 lets a parser keep the last of several members of one name. Two parsers that differ there are an
//! attack, so a repeated member, at any depth, makes the whole object unreadable.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Reads `bytes` as one JSON object: UTF-8, no member twice, nothing behind it.
///
/// # Errors
/// The parser's own words; they hold member names at most, never values.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    let Strict(value) = serde_json::from_slice(bytes)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Error::custom("not a JSON object")),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn one_plain_object_is_read() {
        let members = object(br#" {"a":1,"b":{"a":[true,null,"x",1.5,-2]}} "#).unwrap();
        assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"a":1,"b":{"a":[true,null,"x",1.5,-2]}}"#);
    }

    #[test]
    fn everything_doubtful_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let cases: [&[u8]; 14] = [
            br#"{"a":1,"a":1}"#,
            br#"{"a":{"b":1,"b":2}}"#,
            br#"{"a":[{"b":1,"b":2}]}"#,
            br#"{"a":1,"\u0061":2}"#,
            br#"{"a":1}x"#,
            br#"{"a":1}{}"#,
            b"[]",
            b"null",
            b"",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            br#"{"a":1e400}"#,
            b"{\"a\":\"\x00\"}",
            deep.as_bytes(),
        ];
        for case in cases {
            assert!(object(case).is_err(), "{}", String::from_utf8_lossy(case));
        }
    }
}
