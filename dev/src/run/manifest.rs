//! The manifest of a run: the project's own, with changed values in the component's variables, and folders that the
//! component reads.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

/// `manifest`, which is in `folder`, with `values` under `[component.<component>.variables]` and `files`, folders and where
/// the component sees them.
///
/// The component's source becomes absolute, so that the result can be in another folder.
///
/// # Errors
/// If it is not TOML, has no such component, or the component has no such variable.
pub fn derive(
    manifest: &str,
    folder: &Path,
    component: &str,
    values: &BTreeMap<String, String>,
    files: &[(PathBuf, String)],
) -> Result<String> {
    let mut manifest: Table = manifest.parse().context("spin.toml is not valid TOML")?;
    let table = manifest.get_mut("component").and_then(|components| components.get_mut(component));
    let table = table.with_context(|| format!("spin.toml has no [component.{component}]"))?;

    let source = table.get_mut("source").with_context(|| format!("component.{component} has no source"))?;
    let path = source.as_str().with_context(|| format!("the source of component.{component} is not a file"))?;
    let absolute = folder.join(path);
    *source = absolute.to_str().context("the project is in a folder whose name is not UTF-8")?.into();

    let file = |(source, destination): &(PathBuf, String)| {
        let source = source.to_str().context("a folder's name is not UTF-8")?;
        let entry = [("source", source), ("destination", destination)];
        Ok(Value::Table(entry.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect()))
    };
    let files = files.iter().map(file).collect::<Result<Vec<_>>>()?;
    if let (false, Some(table)) = (files.is_empty(), table.as_table_mut()) {
        table.insert("files".to_owned(), Value::Array(files));
    }

    let variables = table.get_mut("variables").and_then(Value::as_table_mut);
    let variables = variables.with_context(|| format!("spin.toml has no [component.{component}.variables]"))?;
    for (name, value) in values {
        let Some(variable) = variables.get_mut(name) else { bail!("component.{component} has no variable {name}") };
        *variable = value.clone().into();
    }
    toml::to_string(&manifest).context("the derived manifest")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "
[component.one]
source = \"target/one.wasm\"
[component.one.variables]
timeout = \"20\"
tenant = \"{{ tenant }}\"
";

    fn derived(name: &str) -> Result<String> {
        let values = BTreeMap::from([(name.to_owned(), "1".to_owned())]);
        let files = [("tokens".into(), "/t".to_owned())];
        derive(MANIFEST, Path::new("/project"), "one", &values, &files)
    }

    #[test]
    fn only_the_named_setting_changes() {
        let manifest: Table = derived("timeout").unwrap().parse().unwrap();
        let component = &manifest["component"]["one"];
        assert_eq!(component["source"].as_str(), Some("/project/target/one.wasm"));
        assert_eq!(component["files"].to_string(), r#"[{ destination = "/t", source = "tokens" }]"#);
        assert_eq!(component["variables"]["timeout"].as_str(), Some("1"));
        assert_eq!(component["variables"]["tenant"].as_str(), Some("{{ tenant }}"));
    }

    #[test]
    fn a_missing_setting_is_named() {
        let error = derived("time_out").unwrap_err().to_string();
        assert_eq!(error, "component.one has no variable time_out");
    }
}
