//! Strict parsing of JSON objects.
//!
//! RFC 7519 section 4 lets a parser keep the last of several members of one name. Two parsers that differ in this can
//! be played off against each other, so a repeated member, at any depth, is an error.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

/// The members of one JSON object, in the detail that claims need: strings and whole numbers.
#[derive(Debug)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Member<'a>)>);

/// A member's value.
#[derive(Debug, PartialEq, Eq)]
pub enum Member<'a> {
    /// A string.
    Text(Cow<'a, str>),
    /// A whole number that is not negative.
    Integer(u64),
    /// Anything else.
    Other,
}

impl<'a> Members<'a> {
    /// Parses `bytes` as one JSON object: UTF-8, no repeated member, nothing after it. Almost nothing is copied.
    ///
    /// # Errors
    /// The parser's own words, which may contain member names but no values.
    pub fn of(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        let mut parser = serde_json::Deserializer::from_slice(bytes);
        let members = (&mut parser).deserialize_map(MembersVisitor)?;
        parser.end()?;
        Ok(members)
    }

    /// The value of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Member<'a>> {
        let at = self.0.binary_search_by(|(known, _)| known.as_ref().cmp(name)).ok()?;
        self.0.get(at).map(|(_, member)| member)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_ref())
    }
}

/// Parses `bytes` as [`Members::of`] does, and keeps all values, for objects that are sent on.
///
/// # Errors
/// See [`Members::of`].
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    Members::of(bytes)?;
    serde_json::from_slice(bytes)
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object without repeated members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((name, member)) = map.next_entry::<Text<'de>, Member<'de>>()? {
            members.push((name.0, member));
        }
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        if members.windows(2).any(|pair| matches!(pair, [(one, _), (other, _)] if one == other)) {
            return Err(Error::custom("a repeated member"));
        }
        Ok(Members(members))
    }
}

/// A string that is borrowed if nothing in it is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Member::deserialize(deserializer)? {
            Member::Text(text) => Ok(Self(text)),
            _ => Err(D::Error::custom("not a string")),
        }
    }
}

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without repeated members")
    }

    fn visit_unit<E>(self) -> Result<Member<'de>, E> {
        Ok(Member::Other)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Member<'de>, E> {
        Ok(Member::Other)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Member<'de>, E> {
        Ok(Member::Integer(value))
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Member<'de>, E> {
        Ok(Member::Other)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Member<'de>, E> {
        Ok(Member::Other)
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Member<'de>, E> {
        Ok(Member::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Member<'de>, E> {
        Ok(Member::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Member<'de>, A::Error> {
        while elements.next_element::<Member<'de>>()?.is_some() {}
        Ok(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Member<'de>, A::Error> {
        MembersVisitor.visit_map(map).map(|_| Member::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::{Member, Members, object};

    #[test]
    fn one_plain_object_is_read() {
        let members = object(br#" {"a":1,"b":{"a":[true,null,"x",1.5,-2]}} "#).unwrap();
        assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"a":1,"b":{"a":[true,null,"x",1.5,-2]}}"#);
    }

    #[test]
    fn members_are_texts_numbers_or_something_else() {
        let members =
            Members::of(br#" {"b":"x","a":"\u0041","c":7,"d":-1,"e":1.0,"f":[{"g":1},{"g":2}],"h":null} "#).unwrap();
        assert_eq!(members.names().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f", "h"]);
        assert_eq!(members.get("a"), Some(&Member::Text("A".into())));
        assert_eq!(members.get("b"), Some(&Member::Text("x".into())));
        assert_eq!(members.get("c"), Some(&Member::Integer(7)));
        for name in ["d", "e", "f", "h"] {
            assert_eq!(members.get(name), Some(&Member::Other), "{name}");
        }
        assert_eq!(members.get("g"), None);
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
            assert!(Members::of(case).is_err(), "{}", String::from_utf8_lossy(case));
        }
    }
}
