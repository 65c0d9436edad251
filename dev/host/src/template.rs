//! Templates with `{{ variable }}` expressions, as in `spin.toml`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Variable(String),
}

impl Template {
    /// Splits `text` at its `{{ name }}` expressions.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else {
                bail!("`{text}` opens `{{{{` and does not close it: write `{{{{ name }}}}`");
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// Whether the text contains no variable.
    pub(super) fn is_literal(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The names of the variables in the text.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// The text with each variable replaced by its value.
    pub(super) fn render(&self, values: &BTreeMap<String, String>) -> Result<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(name) => match values.get(name) {
                    Some(value) => text.push_str(value),
                    None => bail!("variable `{name}` is not declared under [variables]"),
                },
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_variables_between_literals() {
        let values = BTreeMap::from([("host".to_owned(), "example.com".to_owned())]);
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{{host}}", "example.com"),
            ("https://{{ host }}/x", "https://example.com/x"),
            ("{{ host }}{{ host }}", "example.comexample.com"),
            ("a }} b", "a }} b"),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.render(&values).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_cannot_read_or_fill() {
        assert!(Template::parse("{{ open").is_err());
        let unknown = Template::parse("{{ unknown }}").unwrap();
        assert!(unknown.render(&BTreeMap::new()).is_err());
    }
}
