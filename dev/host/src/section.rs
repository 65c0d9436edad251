//! The tables of a TOML file, each knowing where it stands, for errors that name file and key.

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// One table of a file.
pub(super) struct Section<'a> {
    file: &'a str,
    /// Dotted; empty for the file itself.
    path: String,
    table: &'a Table,
}

/// The keys that one table may hold.
pub(super) struct Keys {
    /// Read, or known and without effect at run time.
    pub(super) supported: &'static [&'static str],
    /// Spin has them, this host does not.
    pub(super) refused: &'static [&'static str],
}

impl<'a> Section<'a> {
    /// The file's own table.
    pub(super) fn root(file: &'a str, table: &'a Table) -> Self {
        Self { file, path: String::new(), table }
    }

    /// Refuses every key that this host would otherwise silently pass over.
    ///
    /// An empty list or table under a refused key asks for nothing and is let through, as Spin does.
    pub(super) fn check(&self, keys: &Keys) -> Result<()> {
        for (key, value) in self.table {
            if keys.refused.contains(&key.as_str()) {
                if !asks_for_nothing(value) {
                    return Err(self.unsupported(key));
                }
            } else if !keys.supported.contains(&key.as_str()) {
                let known = keys.supported.join(", ");
                bail!("{} is not a key of Spin's; known here: {known}", self.place(key));
            }
        }
        Ok(())
    }

    /// The error for what stands at `key` and Spin does but this host does not.
    pub(super) fn unsupported(&self, key: &str) -> anyhow::Error {
        anyhow!("{} is not supported by the embedded host; run with --spin", self.place(key))
    }

    /// File and key, as errors name them.
    pub(super) fn place(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => format!("{}: {key}", self.file),
            (path, "") => format!("{}: {path}", self.file),
            (path, key) => format!("{}: {path}.{key}", self.file),
        }
    }

    /// What stands at `key`.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.table.get(key)
    }

    /// The table at `key`.
    pub(super) fn section(&self, key: &str) -> Result<Option<Self>> {
        self.get(key).map(|value| self.below(key.to_owned(), value)).transpose()
    }

    /// The tables in the table at `key`, with their names.
    pub(super) fn named_sections(&self, key: &str) -> Result<Vec<(&'a str, Self)>> {
        let Some(parent) = self.section(key)? else {
            return Ok(Vec::new());
        };
        parent.table.iter().map(|(name, value)| Ok((name.as_str(), parent.below(name.clone(), value)?))).collect()
    }

    /// The tables in the list at `key`.
    pub(super) fn listed_sections(&self, key: &str) -> Result<Vec<Self>> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let list = value.as_array().with_context(|| format!("{} must be a list: write [[{key}]]", self.place(key)))?;
        list.iter().enumerate().map(|(index, value)| self.below(format!("{key}[{index}]"), value)).collect()
    }

    /// The `type` of a table that may be of several.
    pub(super) fn kind(&self) -> Result<&'a str> {
        let kind = self.get("type").and_then(Value::as_str).unwrap_or_default();
        ensure!(!kind.is_empty(), "{} needs a `type`", self.place(""));
        Ok(kind)
    }

    /// Reads the whole table.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T> {
        self.table.clone().try_into().with_context(|| self.place(""))
    }

    fn below(&self, key: String, value: &'a Value) -> Result<Self> {
        let table = value.as_table().with_context(|| format!("{} must be a table", self.place(&key)))?;
        let path = match self.path.as_str() {
            "" => key,
            path => format!("{path}.{key}"),
        };
        Ok(Self { file: self.file, path, table })
    }
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Table(entries) => entries.is_empty(),
        _ => false,
    }
}
