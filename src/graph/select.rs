//! The caller's query: `$select`, checked, and nothing else.

/// The longest list of names. Graph's user has some hundred properties, and a directory may add a hundred of its own, each
/// called `extension_`, the 32 digits of an application's id, `_` and a name.
/// <https://learn.microsoft.com/graph/extensibility-overview>
const MAX_SELECT_BYTES: usize = 16 * 1024;

/// The longest name: 43 characters of a directory extension's come before its own name.
const MAX_PROPERTY_BYTES: usize = 256;

/// The properties to ask Graph for, as `a,b,c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select(String);

/// What is wrong with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// A parameter other than `$select`, or any parameter for a photo.
    Unknown,
    /// `$select` twice.
    Repeated,
    /// Not a list of property names.
    Malformed,
}

impl QueryFault {
    /// What is wrong, for the caller and the log.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Unknown => "The query may have $select and nothing else, and for a photo nothing at all.",
            Self::Repeated => "The query has $select twice.",
            Self::Malformed => "$select is not a list of property names, separated by commas.",
        }
    }
}

impl Select {
    /// Reads the query of a request for a profile.
    ///
    /// # Errors
    /// See [`QueryFault`].
    pub fn parse(query: Option<&str>) -> Result<Option<Self>, QueryFault> {
        let mut select = None;
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if name != "$select" {
                return Err(QueryFault::Unknown);
            }
            if select.is_some() {
                return Err(QueryFault::Repeated);
            }
            select = Some(Self::properties(&value).ok_or(QueryFault::Malformed)?);
        }
        Ok(select)
    }

    /// The value, in a form that a URL can contain.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn properties(value: &str) -> Option<Self> {
        let names: Vec<&str> = value.split(',').map(str::trim).collect();
        let good = value.len() <= MAX_SELECT_BYTES && names.iter().all(|name| is_property(name));
        good.then(|| Self(names.join(",")))
    }
}

fn is_property(name: &str) -> bool {
    name.len() <= MAX_PROPERTY_BYTES
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{QueryFault, Select};

    #[test]
    fn select_passes_and_nothing_else() {
        let parse = |query: Option<&str>| Select::parse(query).map(|select| select.map(|select| select.0));
        assert_eq!(parse(None), Ok(None));
        assert_eq!(parse(Some("")), Ok(None));
        for query in ["$select=id,displayName", "%24select=id%2CdisplayName", "$select=id,+displayName"] {
            assert_eq!(parse(Some(query)), Ok(Some("id,displayName".to_owned())), "{query}");
        }
        let extension = format!("extension_{}_{}", "0123456789abcdef".repeat(2), "skypeId".repeat(10));
        for list in [extension.clone(), vec![extension.as_str(); 100].join(","), vec!["displayName"; 300].join(",")] {
            let query = format!("$select={list}");
            assert_eq!(parse(Some(&query)), Ok(Some(list)));
        }
        let long = format!("$select={}", "a".repeat(257));
        let many = format!("$select={}", vec!["a"; 8193].join(","));
        for (query, fault) in [
            ("$expand=manager", QueryFault::Unknown),
            ("access_token=x", QueryFault::Unknown),
            ("$Select=id", QueryFault::Unknown),
            ("$select=id&x=1", QueryFault::Unknown),
            ("$select=id&$select=mail", QueryFault::Repeated),
            ("$select=", QueryFault::Malformed),
            ("$select=id,", QueryFault::Malformed),
            ("$select=id/mail", QueryFault::Malformed),
            ("$select=id%26x%3D1", QueryFault::Malformed),
            ("$select=id%0D%0Ax", QueryFault::Malformed),
            ("$select=%E2%80%AEid", QueryFault::Malformed),
            ("$select=1id", QueryFault::Malformed),
            (&long, QueryFault::Malformed),
            (&many, QueryFault::Malformed),
        ] {
            assert_eq!(parse(Some(query)), Err(fault), "{query}");
        }
    }
}
