//! The container image, as far as the `Dockerfile` describes it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use cargo_dev::workspace;

/// The last stage of the `Dockerfile`.
#[derive(Debug, PartialEq, Eq)]
pub struct Image {
    /// The image that it is based on.
    pub base: String,
    /// Program and arguments.
    pub entrypoint: Vec<String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// User and group.
    pub user: String,
    /// The port that it announces.
    pub port: u16,
}

impl Image {
    /// Reads the project's `Dockerfile`.
    ///
    /// # Errors
    /// If the file cannot be read or lacks an instruction.
    pub fn load() -> Result<Self> {
        let text = std::fs::read_to_string(workspace::root().join("Dockerfile")).context("cannot read Dockerfile")?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let instructions = instructions(text);
        let last = |name: &str| {
            let found = instructions.iter().rev().find_map(|instruction| instruction.strip_prefix(name));
            found.map(str::trim).with_context(|| format!("the Dockerfile has no {name}"))
        };
        let environment = last("ENV ")?.split_whitespace().filter_map(|variable| variable.split_once('='));
        Ok(Self {
            base: last("ARG SPIN=")?.to_owned(),
            entrypoint: serde_json::from_str(last("ENTRYPOINT ")?).context("ENTRYPOINT is not a JSON array")?,
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            user: last("USER ")?.to_owned(),
            port: last("EXPOSE ")?.parse().context("EXPOSE")?,
        })
    }
}

/// One string for each instruction, without comments and line continuations.
fn instructions(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    joined.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_counts() {
        let image = Image::parse(
            "ARG SPIN=spin:1\nFROM ${SPIN} AS one\nUSER root\nFROM ${SPIN}\n# USER 0\nUSER 5:5\nEXPOSE 80\n\
             ENV A=1 B=2\nENTRYPOINT [\"a\", \\\n  \"b\"]\n",
        )
        .unwrap();
        assert_eq!(image.base, "spin:1");
        assert_eq!(image.entrypoint, ["a", "b"]);
        assert_eq!(image.user, "5:5");
        assert_eq!(image.environment["B"], "2");
        assert_eq!(image.port, 80);
    }

    #[test]
    fn a_missing_instruction_is_named() {
        assert_eq!(Image::parse("ARG SPIN=x").unwrap_err().to_string(), "the Dockerfile has no ENV ");
    }
}
