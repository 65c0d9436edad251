//! The `Server-Timing` header (W3C Server Timing section 3), in which the API reports how long its steps took.

use http::HeaderMap;

/// How many entries are parsed: more than any server sends.
const MAX_ENTRIES: usize = 16;

/// One entry of the header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Timing {
    /// What was timed.
    pub(crate) name: String,
    /// A description, if there is one.
    pub(crate) description: Option<String>,
    /// How long it took, in milliseconds.
    pub(crate) milliseconds: Option<f64>,
}

/// The entries of all lines, in order. Malformed ones are left out.
#[must_use]
pub(crate) fn parse(headers: &HeaderMap) -> Vec<Timing> {
    headers
        .get_all("server-timing")
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| split(line, ','))
        .filter_map(timing)
        .take(MAX_ENTRIES)
        .collect()
}

fn timing(entry: &str) -> Option<Timing> {
    let mut parts = split(entry, ';').into_iter();
    let name = parts.next()?.trim();
    if name.is_empty() {
        return None;
    }
    let mut timing = Timing { name: name.to_owned(), description: None, milliseconds: None };
    for part in parts {
        let Some((name, value)) = part.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "desc" => timing.description = Some(value.to_owned()),
            "dur" => timing.milliseconds = value.parse().ok().filter(|time: &f64| time.is_finite() && *time >= 0.0),
            _ => {}
        }
    }
    Some(timing)
}

/// Splits at `separator`, but not within quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut within_quotes = false;
    text.split(|character| {
        if character == '"' {
            within_quotes = !within_quotes;
        }
        character == separator && !within_quotes
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::Timing;

    fn parse(lines: &[&'static str]) -> Vec<Timing> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("server-timing", HeaderValue::from_static(line));
        }
        super::parse(&headers)
    }

    #[test]
    fn entries_are_parsed_in_order() {
        let timing = |name: &str, description: Option<&str>, milliseconds| Timing {
            name: name.to_owned(),
            description: description.map(str::to_owned),
            milliseconds,
        };
        assert_eq!(
            parse(&["validate;dur=0.41, exchange;desc=\"memory\";dur=12", "total;dur=13.5"]),
            [
                timing("validate", None, Some(0.41)),
                timing("exchange", Some("memory"), Some(12.0)),
                timing("total", None, Some(13.5)),
            ]
        );
        assert_eq!(
            parse(&[r#" a ; DESC="one, two; three" ; dur = 1 ,, b;dur=x,c;dur=-1,d;dur=NaN"#]),
            [
                timing("a", Some("one, two; three"), Some(1.0)),
                timing("b", None, None),
                timing("c", None, None),
                timing("d", None, None),
            ]
        );
        assert_eq!(parse(&[";;;", "", ","]), []);
    }
}
