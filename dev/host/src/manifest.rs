//! `spin.toml`, version 2: the part of it that this host supports. It refuses every other key by its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, de::IgnoredAny};

use super::{
    allowed_hosts::AllowedHosts, files::FileMount, options::UNSUPPORTED, template::Template, variables::check_name,
};

/// An application as its manifest describes it.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// Declared variables and their defaults.
    pub(super) variables: BTreeMap<String, Option<String>>,
    /// (pattern, component id) in the manifest's order, without private ones.
    pub(super) routes: Vec<(String, String)>,
    /// The components that a trigger names. Like Spin, this host does not load others.
    pub(super) components: BTreeMap<String, ComponentSettings>,
}

/// One `[component.<id>]`.
#[derive(Debug)]
pub(super) struct ComponentSettings {
    /// The Wasm file.
    pub(super) source: PathBuf,
    pub(super) variables: BTreeMap<String, Template>,
    pub(super) allowed_outbound_hosts: Vec<Template>,
    pub(super) key_value_stores: BTreeSet<String>,
    pub(super) files: Vec<FileMount>,
}

impl Manifest {
    /// Reads the manifest at `path`; component sources are relative to its folder.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the Spin manifest {}: is the path right?", path.display()))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        Self::parse(&text, folder).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, folder: &Path) -> Result<Self> {
        let file: ManifestFile = toml::from_str(text).context(UNSUPPORTED)?;
        ensure!(file.spin_manifest_version == 2, "spin_manifest_version must be 2");
        let variables = declared_variables(&file.variables).context("[variables]")?;
        let mut components = file
            .component
            .into_iter()
            .map(|(id, component)| {
                let read = ComponentSettings::parse(component, folder, &variables)
                    .with_context(|| format!("component.{id}"))?;
                Ok((id, read))
            })
            .collect::<Result<BTreeMap<_, _>>>()?;
        components.retain(|id, _| file.trigger.http.iter().any(|trigger| trigger.component == *id));
        let routes = routes(file.trigger.http, &components).context("[[trigger.http]]")?;
        check_chaining(&components)?;
        Ok(Self { name: file.application.name, version: file.application.version, variables, routes, components })
    }
}

impl ComponentSettings {
    fn parse(table: ComponentTable, folder: &Path, declared: &BTreeMap<String, Option<String>>) -> Result<Self> {
        let variables = table
            .variables
            .iter()
            .map(|(name, text)| {
                check_name(name).with_context(|| format!("variables.{name}"))?;
                let template = parse_template(text, declared).with_context(|| format!("variables.{name}"))?;
                Ok((name.clone(), template))
            })
            .collect::<Result<_>>()?;
        let allowed_outbound_hosts = table
            .allowed_outbound_hosts
            .iter()
            .map(|entry| parse_template(entry, declared))
            .collect::<Result<Vec<_>>>()
            .and_then(|entries| check_hosts(&entries, declared).map(|()| entries))
            .context("allowed_outbound_hosts")?;
        Ok(Self {
            source: folder.join(table.source),
            variables,
            allowed_outbound_hosts,
            key_value_stores: table.key_value_stores,
            files: table
                .files
                .into_iter()
                .map(|FileTable { source, destination }| FileMount { source, destination })
                .collect(),
        })
    }
}

fn declared_variables(tables: &BTreeMap<String, VariableTable>) -> Result<BTreeMap<String, Option<String>>> {
    tables
        .iter()
        .map(|(name, variable)| {
            check_name(name).with_context(|| format!("`{name}`"))?;
            match (&variable.default, variable.required) {
                (Some(_), true) => bail!("`{name}` is required and has a default: keep one"),
                (None, false) => bail!("`{name}` needs `required = true` or a `default`"),
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

/// Checks the entries whose value does not depend on a provider.
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

fn routes(
    triggers: Vec<HttpTriggerTable>,
    components: &BTreeMap<String, ComponentSettings>,
) -> Result<Vec<(String, String)>> {
    ensure!(!triggers.is_empty(), "there is no route to serve: add one");
    for HttpTriggerTable { component, .. } in &triggers {
        ensure!(
            components.contains_key(component),
            "component `{component}` is not defined: add [component.{component}]"
        );
    }
    triggers
        .into_iter()
        .filter_map(|trigger| match trigger.route {
            Route::Public(pattern) => Some(Ok((pattern, trigger.component))),
            Route::Private(PrivateRoute { private: true }) => None,
            Route::Private(PrivateRoute { private: false }) => {
                Some(Err(anyhow!("the route of `{}` is neither a pattern nor {{ private = true }}", trigger.component)))
            }
        })
        .collect()
}

/// Refuses hosts of components that are not there. Spin ends the instance that calls one.
fn check_chaining(components: &BTreeMap<String, ComponentSettings>) -> Result<()> {
    for (id, component) in components {
        for entry in component.allowed_outbound_hosts.iter().filter(|entry| entry.is_literal()) {
            for called in AllowedHosts::resolve(std::slice::from_ref(entry), &BTreeMap::new())?.components() {
                ensure!(
                    components.contains_key(called),
                    "component.{id}: allowed_outbound_hosts: no [[trigger.http]] names a component `{called}`"
                );
            }
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    spin_manifest_version: u8,
    application: ApplicationTable,
    #[serde(default)]
    variables: BTreeMap<String, VariableTable>,
    trigger: TriggerTables,
    #[serde(default)]
    component: BTreeMap<String, ComponentTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationTable {
    name: String,
    version: Option<String>,
    #[serde(default, rename = "description")]
    _description: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableTable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default, rename = "secret")]
    _secret: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerTables {
    http: Vec<HttpTriggerTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpTriggerTable {
    route: Route,
    component: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a route is a pattern, or { private = true }")]
enum Route {
    Public(String),
    Private(PrivateRoute),
}

/// For requests of other components alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrivateRoute {
    private: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentTable {
    source: PathBuf,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    key_value_stores: BTreeSet<String>,
    #[serde(default)]
    files: Vec<FileTable>,
    #[serde(default, rename = "build")]
    _build: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    source: PathBuf,
    destination: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"
spin_manifest_version = 2
[application]
name = "app"
version = "0.1.0"
description = "An app"
[variables]
host = { default = "https://example.com" }
secret = { required = true, secret = true }
[[trigger.http]]
route = "/one"
component = "one"
[[trigger.http]]
route = { private = true }
component = "two"
[component.two]
source = "target/two.wasm"
allowed_outbound_hosts = ["http://one.spin.internal"]
[component.idle]
source = "target/idle.wasm"
[component.one]
source = "target/one.wasm"
allowed_outbound_hosts = ["{{ host }}", "https://{{ secret }}"]
key_value_stores = ["default"]
files = [{ source = "/tokens", destination = "/t" }]
[component.one.variables]
url = "{{ host }}/path"
[component.one.build]
command = "cargo build"
"#;

    fn parse(text: &str) -> Result<Manifest> {
        Manifest::parse(text, Path::new("app"))
    }

    #[test]
    fn reads_what_the_host_needs() {
        let manifest = parse(VALID).unwrap();
        assert_eq!(manifest.routes, [("/one".to_owned(), "one".to_owned())]);
        assert_eq!(manifest.variables["secret"], None);
        assert_eq!(manifest.components.keys().collect::<Vec<_>>(), ["one", "two"]);
        let component = &manifest.components["one"];
        assert_eq!(component.source, Path::new("app/target/one.wasm"));
        assert_eq!(component.variables["url"].variables().collect::<Vec<_>>(), ["host"]);
        assert!(component.key_value_stores.contains("default"));
        assert_eq!(component.files, [FileMount { source: "/tokens".into(), destination: "/t".to_owned() }]);
    }

    #[test]
    fn refusals_name_what_is_refused() {
        let stores = "key_value_stores = [\"default\"]";
        let source = "source = \"target/one.wasm\"";
        for (from, to, expected) in [
            (stores, "sqlite_databases = [\"default\"]", "unknown field `sqlite_databases`"),
            (stores, "key_value_store = [\"default\"]", "unknown field `key_value_store`"),
            (stores, "environment = { A = \"1\" }", "unknown field `environment`"),
            (stores, "dependencies = { \"a:b\" = \"1\" }", "unknown field `dependencies`"),
            ("[{ source = \"/tokens\", destination = \"/t\" }]", "[\"tokens/*\"]", "files = [\"tokens/*\"]"),
            (source, "source = { url = \"https://example.com\" }", "source = { url"),
            ("\"{{ host }}\"", "\"http://*.spin.internal\"", "http://*.spin.internal` is not supported"),
            ("\"{{ host }}\"", "\"http://three.spin.internal\"", "no [[trigger.http]] names a component `three`"),
            ("\"{{ host }}\"", "\"http://idle.spin.internal\"", "no [[trigger.http]] names a component `idle`"),
            ("[[trigger.http]]\nroute = \"/one\"", "[[trigger.redis]]\nchannel = \"one\"", "unknown field `redis`"),
            (
                "component = \"two\"\n[component.two]",
                "component = \"three\"\n[component.two]",
                "component `three` is not defined",
            ),
            ("{ private = true }", "{ private = false }", "neither a pattern nor { private = true }"),
            ("{ private = true }", "{ private = true, shared = true }", "a route is a pattern, or { private = true }"),
            ("{ private = true }", "1", "a route is a pattern, or { private = true }"),
            ("route = \"/one\"", "route = \"/one\"\nexecutor = { type = \"wagi\" }", "unknown field `executor`"),
            ("{{ host }}/path", "{{ hots }}/path", "the variable `hots`"),
            ("{{ host }}/path", "{{ host /path", "does not close it"),
            ("host = { default", "Host = { default", "`Host`"),
            ("secret = true }", "secret = true, default = \"\" }", "keep one"),
            ("secret = { required = true, secret = true }", "secret = { secret = true }", "needs `required = true`"),
            ("default = \"https://example.com\"", "default = \"example.com\"", "has no scheme"),
            ("spin_manifest_version = 2", "spin_manifest_version = 1", "must be 2"),
            ("name = \"app\"", "name = ", "name = "),
            ("name = \"app\"\n", "", "missing field `name`"),
        ] {
            assert!(VALID.contains(from), "{from}");
            let error = format!("{:#}", parse(&VALID.replace(from, to)).unwrap_err());
            assert!(error.contains(expected), "{from} -> {to}: {error}");
            if expected.starts_with("unknown field") {
                assert!(error.contains("not supported by the embedded host"), "{error}");
            }
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Manifest::read(Path::new("nowhere/spin.toml")).unwrap_err();
        assert!(error.to_string().contains("nowhere/spin.toml"), "{error}");
    }
}
