//! Runtime configurations for Spin, completed with what was registered.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use tokio::fs;
use toml::{Table, Value};

use super::session::Session;

/// The name of a completed copy, which git ignores.
const COPY: &str = "runtime-config.local.toml";

/// A runtime configuration, and what it has to say.
pub(crate) struct RuntimeConfig {
    /// The file in this repository that is completed.
    pub(crate) template: PathBuf,
    /// Where the completed copy is.
    pub(crate) file: PathBuf,
    /// The values of the `static` provider, by name.
    pub(crate) values: Vec<(&'static str, String)>,
    /// The vault; an empty address if there must be none. `None` leaves a copy as it is, and a new one without a vault.
    pub(crate) vault_url: Option<String>,
}

impl RuntimeConfig {
    /// The copy of `template` in `folder`.
    pub(crate) fn new(template: PathBuf, folder: &Path) -> Self {
        Self { template, file: folder.join(COPY), values: Vec::new(), vault_url: None }
    }

    /// The completed template, to be printed.
    ///
    /// # Errors
    /// If the template is not as it is expected to be.
    pub(crate) async fn completed_template(&self) -> Result<String> {
        self.complete(&read(&self.template).await?, self.vault_url.as_deref().or(Some("")))
            .with_context(|| format!("{} cannot be completed", self.template.display()))
    }

    /// Writes the copy if there is none. One that says something else is left as it is, or changed in these lines only if
    /// `overwrites`.
    ///
    /// # Errors
    /// If a file cannot be read or written, or a copy that is to be changed is not in the form of the template.
    pub(crate) async fn write(&self, session: &Session<'_>, overwrites: bool) -> Result<()> {
        let name = self.file.display();
        if !fs::try_exists(&self.file).await? {
            session.report(&format!("write {name}"))?;
            let completed = self.completed_template().await?;
            return if session.is_dry { Ok(()) } else { self.save(completed).await };
        }
        let copy = read(&self.file).await?;
        let differences = self.differences(&copy).with_context(|| format!("{name} is not valid TOML"))?;
        if differences.is_empty() {
            return Ok(());
        }
        match overwrites {
            true => session.report(&format!("change {name}"))?,
            false => session.report(&format!("{name} says something else, and stays as it is without --overwrite:"))?,
        }
        for line in &differences {
            session.report(&format!("    {line}"))?;
        }
        if !overwrites || session.is_dry {
            return Ok(());
        }
        let completed = self.complete(&copy, self.vault_url.as_deref());
        self.save(completed.with_context(|| {
            format!("{name} cannot be changed; print a new one with --print, and copy what you need")
        })?)
        .await
    }

    async fn save(&self, text: String) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).await?;
        }
        fs::write(&self.file, text).await.with_context(|| format!("cannot write {}", self.file.display()))
    }

    /// What `text` says otherwise than it should.
    fn differences(&self, text: &str) -> Result<Vec<String>> {
        let present = Present::parse(text)?;
        let mut lines = Vec::new();
        let mut compare = |name: &str, present: Option<&String>, wanted: &String| {
            if present != Some(wanted) {
                lines.extend(present.map(|present| format!("- {name} = {present:?}")));
                lines.push(format!("+ {name} = {wanted:?}"));
            }
        };
        for (name, wanted) in &self.values {
            compare(name, present.values.get(*name), wanted);
        }
        if let Some(wanted) = &self.vault_url
            && *wanted != present.vault_url.clone().unwrap_or_default()
        {
            compare("vault_url", present.vault_url.as_ref(), wanted);
        }
        Ok(lines)
    }

    /// `text` with the values, and with this vault: an empty one takes the provider out, none leaves it as it is.
    /// Comments and everything else stay.
    fn complete(&self, text: &str, vault_url: Option<&str>) -> Result<String> {
        let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
        let values: BTreeMap<&str, &String> = self.values.iter().map(|(name, value)| (*name, value)).collect();
        let mut table = String::new();
        for line in &mut lines {
            if line.starts_with('[') {
                table.clone_from(line);
            }
            let name = line.split('=').next().unwrap_or_default().trim();
            if table == "[variables_provider.values]"
                && let Some(value) = values.get(name)
            {
                *line = format!("{name} = {}", Value::from(value.as_str()));
            }
        }
        if let Some(vault_url) = vault_url {
            set_vault(&mut lines, vault_url)?;
        }
        let completed = format!("{}\n", lines.join("\n"));
        let present = Present::parse(&completed)?;
        let is_there = |(name, value): &(&str, String)| present.values.get(*name) == Some(value);
        if let Some((missing, _)) = self.values.iter().find(|value| !is_there(value)) {
            anyhow::bail!("it has no line for {missing} in [variables_provider.values]");
        }
        let expected = vault_url.map_or(present.vault_url.as_deref(), |url| Some(url).filter(|url| !url.is_empty()));
        ensure!(present.vault_url.as_deref() == expected, "its Key Vault provider has another form");
        Ok(completed)
    }
}

/// Sets the vault's address, or comments the provider out if it is empty.
fn set_vault(lines: &mut [String], vault_url: &str) -> Result<()> {
    const KIND: &str = "type = \"azure_key_vault\"";
    let kind = lines.iter().position(|line| line.trim_start_matches("# ") == KIND);
    let kind = kind.context("it has no provider of the type azure_key_vault")?;
    let provider = lines.get_mut(kind.saturating_sub(1)..=kind + 1);
    let Some([header, kind, address]) = provider else { anyhow::bail!("its Key Vault provider has another form") };
    let mark = if vault_url.is_empty() { "# " } else { "" };
    *header = format!("{mark}[[variables_provider]]");
    *kind = format!("{mark}{KIND}");
    if vault_url.is_empty() {
        *address = format!("{mark}{}", address.trim_start_matches("# "));
    } else {
        *address = format!("vault_url = {}", Value::from(vault_url));
    }
    Ok(())
}

/// What a runtime configuration says.
#[derive(Default)]
struct Present {
    values: BTreeMap<String, String>,
    vault_url: Option<String>,
}

impl Present {
    fn parse(text: &str) -> Result<Self> {
        let table: Table = text.parse()?;
        let mut present = Self::default();
        for provider in table.get("variables_provider").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| provider.get(name).and_then(Value::as_str);
            match text("type") {
                Some("static") => {
                    let values = provider.get("values").and_then(Value::as_table).into_iter().flatten();
                    let texts = values.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                    present.values.extend(texts);
                }
                Some("azure_key_vault") => present.vault_url = text("vault_url").map(ToOwned::to_owned),
                _ => {}
            }
        }
        Ok(present)
    }
}

async fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).await.with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn config(vault_url: Option<&str>) -> RuntimeConfig {
        RuntimeConfig {
            values: vec![("tenant_id", "t".to_owned()), ("client_id", "c \"quoted\"".to_owned())],
            vault_url: vault_url.map(ToOwned::to_owned),
            ..RuntimeConfig::new(workspace::runtime_config(), Path::new("/nowhere"))
        }
    }

    #[tokio::test]
    async fn the_projects_own_file_is_completed_and_keeps_its_comments() {
        let template = read(&workspace::runtime_config()).await.unwrap();
        for (vault_url, changed) in [(None, 5), (Some("https://v.vault.azure.net/"), 3)] {
            let config = config(vault_url);
            let completed = config.completed_template().await.unwrap();
            let present = Present::parse(&completed).unwrap();
            assert_eq!((present.values["tenant_id"].as_str(), present.vault_url.as_deref()), ("t", vault_url));
            assert_eq!(present.values["client_id"], "c \"quoted\"");
            assert_eq!(present.values["required_scope"], "user_impersonation");
            let lines = template.lines().zip(completed.lines());
            assert_eq!(lines.filter(|(one, other)| one != other).count(), changed, "{completed}");
            assert!(config.differences(&completed).unwrap().is_empty());
        }
        // A vault that comes and goes later.
        let without = config(None).completed_template().await.unwrap();
        let with = config(Some("https://v/")).complete(&without, Some("https://v/")).unwrap();
        assert_eq!(with, config(Some("https://v/")).completed_template().await.unwrap());
        assert_eq!(
            config(Some("")).differences(&with).unwrap(),
            ["- vault_url = \"https://v/\"", "+ vault_url = \"\""]
        );
        let gone = config(Some("")).complete(&with, Some("")).unwrap();
        assert!(config(Some("")).differences(&gone).unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_templates_have_every_variable_but_the_secrets() {
        for folder in ["", "app"] {
            let folder = workspace::root().join(folder);
            let manifest: Table = read(&folder.join("spin.toml")).await.unwrap().parse().unwrap();
            let is_secret = |variable: &Value| variable.get("secret").and_then(Value::as_bool) == Some(true);
            let variables = manifest["variables"].as_table().unwrap();
            let template = Present::parse(&read(&folder.join("runtime-config.toml")).await.unwrap()).unwrap();
            for (name, variable) in variables {
                assert!(is_secret(variable) || template.values.contains_key(name), "{name}");
            }
            for name in template.values.keys() {
                assert!(variables.contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn what_differs_is_listed() {
        let text = "[[variables_provider]]\ntype = \"static\"\nvalues = { tenant_id = \"other\" }\n";
        let expected = [
            "- tenant_id = \"other\"",
            "+ tenant_id = \"t\"",
            "+ client_id = \"c \\\"quoted\\\"\"",
            "+ vault_url = \"https://v/\"",
        ];
        assert_eq!(config(Some("https://v/")).differences(text).unwrap(), expected);
        assert!(config(None).differences("[[").is_err());
        // Not in the form of the template.
        assert!(config(None).complete(text, None).unwrap_err().to_string().contains("no line for tenant_id"));
        assert!(config(None).complete("", Some("")).unwrap_err().to_string().contains("azure_key_vault"));
    }
}
