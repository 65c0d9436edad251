//! `spin.toml`, version 2: what this host reads of it.

mod supported;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use toml::Table;

use self::{
    supported::check_keys,
    written::{ComponentTable, ManifestFile, RouteValue, TriggerTable, VariableTable},
};
use super::{allowed_hosts::AllowedHosts, section::Section, template::Template, variables::check_name};

/// An application as its manifest describes it.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// Declared variables and their defaults.
    pub(super) variables: BTreeMap<String, Option<String>>,
    /// (pattern, component id) in the manifest's order.
    pub(super) routes: Vec<(String, String)>,
    pub(super) components: BTreeMap<String, ComponentSettings>,
}

/// One `[component.<id>]`.
#[derive(Debug)]
pub(super) struct ComponentSettings {
    /// The Wasm file.
    pub(super) source: PathBuf,
    pub(super) variables: BTreeMap<String, Template>,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) allowed_outbound_hosts: Vec<Template>,
    pub(super) key_value_stores: BTreeSet<String>,
}

impl Manifest {
    /// Reads the manifest at `path`; component sources are relative to its folder.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the Spin manifest {}: is the path right?", path.display()))?;
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, &file, folder)
    }

    fn parse(text: &str, file: &str, folder: &Path) -> Result<Self> {
        let table: Table = text.parse().with_context(|| format!("{file} is not valid TOML"))?;
        check_keys(&Section::root(file, &table))?;
        let written: ManifestFile = toml::from_str(text).with_context(|| file.to_owned())?;
        ensure!(written.spin_manifest_version == 2, "{file}: spin_manifest_version must be 2");
        let variables = declared_variables(&written.variables).with_context(|| format!("{file}: [variables]"))?;
        let components = written
            .component
            .into_iter()
            .map(|(id, component)| {
                let read = ComponentSettings::parse(component, folder, &variables)
                    .with_context(|| format!("{file}: component.{id}"))?;
                Ok((id, read))
            })
            .collect::<Result<BTreeMap<_, _>>>()?;
        let routes = routes(&written.trigger, &components).with_context(|| format!("{file}: [[trigger.http]]"))?;
        Ok(Self { name: written.application.name, version: written.application.version, variables, routes, components })
    }
}

impl ComponentSettings {
    fn parse(written: ComponentTable, folder: &Path, declared: &BTreeMap<String, Option<String>>) -> Result<Self> {
        let variables = written
            .variables
            .iter()
            .map(|(name, text)| {
                check_name(name).with_context(|| format!("variables.{name}"))?;
                let template = parse_template(text, declared).with_context(|| format!("variables.{name}"))?;
                Ok((name.clone(), template))
            })
            .collect::<Result<_>>()?;
        let allowed_outbound_hosts = written
            .allowed_outbound_hosts
            .iter()
            .map(|entry| parse_template(entry, declared))
            .collect::<Result<Vec<_>>>()
            .and_then(|entries| check_hosts(&entries, declared).map(|()| entries))
            .context("allowed_outbound_hosts")?;
        Ok(Self {
            source: folder.join(written.source),
            variables,
            environment: written.environment,
            allowed_outbound_hosts,
            key_value_stores: written.key_value_stores,
        })
    }
}

fn declared_variables(written: &BTreeMap<String, VariableTable>) -> Result<BTreeMap<String, Option<String>>> {
    written
        .iter()
        .map(|(name, variable)| {
            check_name(name).with_context(|| format!("`{name}`"))?;
            match (&variable.default, variable.required) {
                (Some(_), true) => bail!("`{name}` is required and has a default: keep one"),
                (None, false) => {
                    bail!("`{name}` needs `required = true` or a `default`")
                }
                (default, _) => Ok((name.clone(), default.clone())),
            }
        })
        .collect()
}

fn parse_template(text: &str, declared: &BTreeMap<String, Option<String>>) -> Result<Template> {
    let template = Template::parse(text)?;
    for name in template.variables() {
        ensure!(
            declared.contains_key(name),
            "`{text}` names the variable `{name}`, which [variables] does not declare"
        );
    }
    Ok(template)
}

/// Checks the entries whose text is known before any variable is read.
fn check_hosts(entries: &[Template], declared: &BTreeMap<String, Option<String>>) -> Result<()> {
    let defaults: BTreeMap<String, String> =
        declared.iter().filter_map(|(name, default)| Some((name.clone(), default.clone()?))).collect();
    for entry in entries {
        if entry.variables().all(|name| defaults.contains_key(name)) {
            AllowedHosts::resolve(std::slice::from_ref(entry), &defaults)?;
        }
    }
    Ok(())
}

fn routes(triggers: &TriggerTable, components: &BTreeMap<String, ComponentSettings>) -> Result<Vec<(String, String)>> {
    let mut routes = Vec::new();
    for trigger in &triggers.http {
        ensure!(
            components.contains_key(&trigger.component),
            "component `{}` is not defined: add [component.{}]",
            trigger.component,
            trigger.component
        );
        match &trigger.route {
            RouteValue::Pattern(pattern) => {
                routes.push((pattern.clone(), trigger.component.clone()));
            }
            RouteValue::Private { private: true } => {}
            RouteValue::Private { private: false } => {
                bail!("route must be a pattern or {{ private = true }}")
            }
        }
    }
    ensure!(!routes.is_empty(), "there is no route to serve: add one");
    Ok(routes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"
spin_manifest_version = 2
[application]
name = "app"
version = "0.1.0"
authors = []
[variables]
host = { default = "https://example.com" }
secret = { required = true, secret = true }
[[trigger.http]]
route = "/one"
component = "one"
[[trigger.http]]
route = { private = true }
component = "one"
[component.one]
source = "target/one.wasm"
allowed_outbound_hosts = ["{{ host }}", "https://{{ secret }}"]
key_value_stores = ["default"]
sqlite_databases = []
[component.one.variables]
url = "{{ host }}/path"
[component.one.build]
command = "cargo build"
"#;

    fn parse(text: &str) -> Result<Manifest> {
        Manifest::parse(text, "spin.toml", Path::new("app"))
    }

    #[test]
    fn reads_what_the_host_needs() {
        let manifest = parse(VALID).unwrap();
        assert_eq!(manifest.routes, [("/one".to_owned(), "one".to_owned())]);
        assert_eq!(manifest.variables["secret"], None);
        let component = &manifest.components["one"];
        assert_eq!(component.source, Path::new("app/target/one.wasm"));
        assert_eq!(component.variables["url"].variables().collect::<Vec<_>>(), ["host"]);
        assert!(component.key_value_stores.contains("default"));
    }

    #[test]
    fn refusals_name_the_file_and_the_key() {
        for (from, to, expected) in [
            (
                "sqlite_databases = []",
                "sqlite_databases = [\"default\"]",
                "spin.toml: component.one.sqlite_databases is not supported by the embedded host; run with --spin",
            ),
            ("key_value_stores", "key_value_store", "spin.toml: component.one.key_value_store is not a key of Spin's"),
            (
                "sqlite_databases = []",
                "dependencies = { \"a:b\" = \"1\" }",
                "spin.toml: component.one.dependencies is not supported",
            ),
            (
                "source = \"target/one.wasm\"",
                "source = { url = \"https://example.com\" }",
                "spin.toml: component.one.source from a URL",
            ),
            ("\"{{ host }}\"", "\"http://two.spin.internal\"", "(service chaining)"),
            (
                "[[trigger.http]]\nroute = \"/one\"",
                "[[trigger.redis]]\nchannel = \"one\"",
                "spin.toml: trigger.redis is not supported",
            ),
            (
                "component = \"one\"\n[component.one]",
                "component = \"two\"\n[component.one]",
                "component `two` is not defined",
            ),
            ("route = \"/one\"", "route = 1", "route must be a pattern"),
            (
                "route = \"/one\"",
                "route = \"/one\"\nexecutor = { type = \"wagi\" }",
                "trigger.http[0].executor of this type is not supported",
            ),
            ("{{ host }}/path", "{{ hots }}/path", "the variable `hots`"),
            ("{{ host }}/path", "{{ host /path", "does not close it"),
            ("host = { default", "Host = { default", "`Host`"),
            ("secret = true }", "secret = true, default = \"\" }", "keep one"),
            ("secret = { required = true, secret = true }", "secret = { secret = true }", "needs `required = true`"),
            ("default = \"https://example.com\"", "default = \"example.com\"", "has no scheme"),
            ("spin_manifest_version = 2", "spin_manifest_version = 1", "must be 2"),
            ("name = \"app\"", "name = ", "spin.toml is not valid TOML"),
            ("name = \"app\"\n", "", "missing field `name`"),
        ] {
            assert!(VALID.contains(from), "{from}");
            let error = format!("{:#}", parse(&VALID.replace(from, to)).unwrap_err());
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Manifest::read(Path::new("nowhere/spin.toml")).unwrap_err();
        assert!(error.to_string().contains("nowhere/spin.toml"), "{error}");
    }
}
