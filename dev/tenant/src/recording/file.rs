//! The files in `recordings/`.

use anyhow::{Context as _, Result};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::normalise::NormalResponse;

/// The source of the recordings that `cargo dev record` makes.
const OWN_SOURCE: &str = "cargo dev record";

/// One response of a real service. What its source does not show is absent and not compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// Who recorded it, and where it can be read.
    pub source: String,
    /// The date, `2026-01-31`.
    pub recorded: String,
    /// The host that answered.
    pub host: String,
    /// The version that the host announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The source shows some members of the body, and there may have been others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
    /// The status code.
    pub status: u16,
    /// `name: value`, sorted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Vec<String>>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl Recording {
    /// What `cargo dev record` writes today of an answer of `host`.
    pub fn new(host: String, response: NormalResponse) -> Self {
        Self {
            source: OWN_SOURCE.to_owned(),
            recorded: utc_date().to_string(),
            host,
            server: response.server,
            is_partial: false,
            status: response.status,
            headers: Some(response.headers),
            body: Some(response.body),
        }
    }

    /// Whether `cargo dev record` made this, and can make it again. The others were taken from public sources.
    pub fn is_own(&self) -> bool {
        self.source == OWN_SOURCE
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it is not a recording.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("this is not a recording as recordings/README.md describes it")
    }

    /// How many days ago it was recorded; where the day or the month is not known, their first.
    ///
    /// # Errors
    /// When the date is none.
    pub fn age_in_days(&self) -> Result<i64> {
        let first = "-01-01";
        let rest = first.get(self.recorded.len().saturating_sub(4)..).unwrap_or_default();
        let date: Date =
            format!("{}{rest}", self.recorded).parse().context("`recorded` is not a date like 2026-01-31")?;
        Ok(i64::from(utc_date().since(date).context("`recorded` is out of range")?.get_days()))
    }

    /// The file's text.
    ///
    /// # Errors
    /// Never: everything in it can be written as JSON.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

fn utc_date() -> Date {
    TimeZone::UTC.to_datetime(Timestamp::now()).date()
}
