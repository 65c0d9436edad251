//! `cargo dev audit`

mod guard;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::Args;
use tokio::fs;
use toml::{Table, Value};

use self::guard::KnownGuard;

/// Report what a Spin manifest leaves unprotected.
///
/// A guard is a component that decides who may call, for itself or for the app behind it: `entra`, the API, the sign-in
/// app. Reports routes that reach a component without a guard, guards that are on no route or can be bypassed, guards on
/// public routes that issue application tokens, secrets that a component other than a guard can read, settings that a
/// guard lacks or does not have, addresses that it may not call, stores that it may not open, and what Spin silently
/// ignores. Fails if there is anything to report.
#[derive(Args, Debug)]
pub struct Audit {
    /// The manifest.
    #[arg(default_value = "spin.toml", value_name = "FILE")]
    manifest: PathBuf,
    /// Another component that is a guard.
    #[arg(long = "guard", value_name = "COMPONENT")]
    guards: Vec<String>,
}

impl Audit {
    /// Prints what there is to report.
    ///
    /// # Errors
    /// When the file cannot be read or is no manifest.
    pub async fn run(self) -> Result<ExitCode> {
        let text = fs::read_to_string(&self.manifest).await;
        let text = text.with_context(|| format!("cannot read {}", self.manifest.display()))?;
        let manifest = text.parse().with_context(|| match text.contains("{%") {
            true => format!("{} is a template; audit an app that `spin new` makes of it", self.manifest.display()),
            false => format!("{} is not TOML", self.manifest.display()),
        });
        let manifest: Table = manifest?;
        let findings = audit(&manifest, &self.guards);
        for finding in &findings {
            println!("{finding}");
        }
        if findings.is_empty() {
            println!("{}: every public route is guarded", self.manifest.display());
        }
        Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Where Entra is, unless the manifest says otherwise.
const AUTHORITY_HOST: &str = "https://login.microsoftonline.com";

/// An application, as far as it is audited.
struct App<'a> {
    /// The application's variables.
    variables: Option<&'a Table>,
    components: BTreeMap<&'a str, &'a Table>,
    triggers: Vec<Trigger<'a>>,
    guards: Vec<&'a str>,
}

/// An entry of `[[trigger.http]]`.
struct Trigger<'a> {
    /// Missing where the route is private.
    route: Option<&'a str>,
    component: &'a str,
    entry: &'a Table,
}

fn audit(manifest: &Table, guards: &[String]) -> Vec<String> {
    let app = App::read(manifest, guards);
    let mut findings = Vec::new();
    findings.extend(app.triggers.iter().filter_map(|trigger| app.open_route(trigger)));
    findings.extend(app.triggers.iter().filter_map(ignored));
    findings.extend(app.guards.iter().flat_map(|guard| app.faults_of_guard(guard)));
    findings.extend(app.guards.iter().flat_map(|guard| app.faults_of_names(guard)));
    findings.extend(app.guards.iter().flat_map(|guard| app.unreachable(guard)));
    findings.extend(app.guards.iter().flat_map(|guard| app.faults_of_stores(guard)));
    findings.extend(app.readable_secrets());
    findings
}

impl<'a> App<'a> {
    fn read(manifest: &'a Table, guards: &'a [String]) -> Self {
        let components = manifest.get("component").and_then(Value::as_table).into_iter().flatten();
        let components: BTreeMap<&str, &Table> =
            components.filter_map(|(name, value)| Some((name.as_str(), value.as_table()?))).collect();
        let entries = manifest.get("trigger").and_then(|trigger| trigger.get("http")).and_then(Value::as_array);
        let entries = entries.into_iter().flatten().filter_map(Value::as_table);
        let triggers = entries.map(|entry| Trigger {
            route: entry.get("route").and_then(Value::as_str),
            component: entry.get("component").and_then(Value::as_str).unwrap_or_default(),
            entry,
        });
        let is_guard = |name: &str, component: &Table| {
            KnownGuard::of(component).is_some() || guards.iter().any(|guard| guard == name)
        };
        let guards = components.iter().filter(|(name, component)| is_guard(name, component)).map(|(name, _)| *name);
        let variables = manifest.get("variables").and_then(Value::as_table);
        Self { guards: guards.collect(), triggers: triggers.collect(), components, variables }
    }

    fn open_route(&self, trigger: &Trigger<'_>) -> Option<String> {
        let Trigger { route, component, entry } = trigger;
        let route = (*route)?;
        let middleware = entry.get("dependencies").and_then(|dependencies| dependencies.get("middleware"));
        let is_behind = middleware.and_then(Value::as_array).is_some_and(|entries| !entries.is_empty());
        let is_open = !is_behind && !self.guards.contains(component);
        is_open.then(|| format!("open: the route {route} reaches {component} without a guard"))
    }

    /// A misspelt name has no effect, and the setting that was meant is missing or has its default.
    fn faults_of_names(&self, guard: &str) -> Vec<String> {
        let known = self.components.get(guard).and_then(|component| KnownGuard::of(component));
        let none = Table::new();
        let given = self.settings(guard).unwrap_or(&none);
        let credential = self.setting(guard, "client_credential").unwrap_or_else(|| "clientsecret".to_owned());
        known.map(|known| known.faults_of_names(guard, given, &credential)).unwrap_or_default()
    }

    fn faults_of_stores(&self, guard: &str) -> Vec<String> {
        if self.setting(guard, "token_store_slots").is_some_and(|slots| slots.trim() == "0") {
            // It is meant to keep everything to itself.
            return Vec::new();
        }
        let component = self.components.get(guard);
        let known = component.and_then(|component| Some((component, KnownGuard::of(component)?)));
        known.map(|(component, known)| known.faults_of_stores(guard, component)).unwrap_or_default()
    }

    /// Addresses in the settings that `allowed_outbound_hosts` does not list. One that depends on a variable without a
    /// default is not judged.
    fn unreachable(&self, guard: &str) -> Vec<String> {
        let Some(component) = self.components.get(guard) else { return Vec::new() };
        let hosts = component.get("allowed_outbound_hosts").and_then(Value::as_array).into_iter().flatten();
        let hosts: Vec<String> = hosts.filter_map(Value::as_str).map(|host| self.with_defaults(host)).collect();
        let is_listed = |origin: &str| hosts.iter().any(|host| host == origin || host.contains(['*', '{']));
        let mut addresses: Vec<(&str, String)> = ["upstream", "authority_host", "graph_url", "api_url"]
            .into_iter()
            .filter_map(|name| Some((name, self.setting(guard, name)?)))
            .collect();
        if KnownGuard::of(component).is_some() && self.setting(guard, "authority_host").is_none() {
            addresses.push(("authority_host", AUTHORITY_HOST.to_owned()));
        }
        for api in self.setting(guard, "downstream_apis").iter().flat_map(|apis| apis.split(['\n', ';'])) {
            let address = api.split_once('=').and_then(|(_, rest)| rest.split_whitespace().next());
            addresses.extend(address.map(|address| ("downstream_apis", address.to_owned())));
        }
        let mut faults = Vec::new();
        for (name, address) in addresses {
            let Some((scheme, rest)) = address.split_once("://") else { continue };
            let origin = format!("{scheme}://{}", rest.split('/').next().unwrap_or_default());
            let fault = format!(
                "unreachable: the guard {guard} may not call {origin} ({name}); list it in allowed_outbound_hosts"
            );
            if !address.contains("{{") && !is_listed(&origin) && !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        faults
    }

    /// What the manifest gives to a component.
    fn settings(&self, component: &str) -> Option<&'a Table> {
        self.components.get(component)?.get("variables")?.as_table()
    }

    fn setting(&self, component: &str, name: &str) -> Option<String> {
        Some(self.with_defaults(self.settings(component)?.get(name)?.as_str()?))
    }

    /// The text with the defaults of the application's variables in it. Those without one stay as they are.
    fn with_defaults(&self, text: &str) -> String {
        let mut parts = text.split("{{");
        let mut resolved = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let value = part
                .split_once("}}")
                .and_then(|(name, rest)| Some((self.variables?.get(name.trim())?.get("default")?.as_str()?, rest)));
            match value {
                Some((value, rest)) => resolved.extend([value, rest]),
                None => resolved.extend(["{{", part]),
            }
        }
        resolved
    }

    fn faults_of_guard(&self, guard: &str) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.triggers.iter().any(|trigger| trigger.component == guard) {
            faults.push(format!("idle: the guard {guard} is on no route, public or private"));
        }
        if self.setting(guard, "application_tokens_for").is_some_and(|names| !names.trim().is_empty()) {
            let routes = self.triggers.iter().filter(|trigger| trigger.component == guard);
            for route in routes.filter_map(|trigger| trigger.route) {
                faults.push(format!(
                    "exposed: the guard {guard} issues application tokens, and is on the public route {route}; set \
                     application_tokens_for in a component of its own that has only a private route"
                ));
            }
        }
        let upstream = self.setting(guard, "upstream").unwrap_or_default();
        if upstream.is_empty() {
            return faults;
        }
        if !self.triggers.iter().any(|trigger| trigger.component == guard && trigger.route.is_some()) {
            faults.push(format!("idle: the guard {guard} forwards to {upstream}, but is on no public route"));
        }
        let behind = upstream.split_once("://").and_then(|(_, host)| host.strip_suffix(".spin.internal"));
        if let Some(behind) = behind {
            let mut routes = self.triggers.iter().filter(|trigger| trigger.component == behind).peekable();
            if !self.components.contains_key(behind) {
                faults.push(format!("unreachable: the guard {guard} forwards to {behind}, which is not a component"));
            } else if self.guards.contains(&behind) {
                faults.push(format!(
                    "loop: the guard {guard} forwards to the guard {behind}, which takes requests from outside for the \
                     app's own; set upstream to the app"
                ));
                return faults;
            } else if routes.peek().is_none() {
                faults.push(format!("unreachable: {behind} has no route; give it `route = {{ private = true }}`"));
            }
            for route in routes.filter_map(|trigger| trigger.route) {
                faults.push(format!("bypass: {behind} is behind the guard {guard}, and reachable at {route} as well"));
            }
        }
        faults
    }

    /// Secrets of the application that components other than guards can read, from their variables or their environment.
    fn readable_secrets(&self) -> Vec<String> {
        let is_secret = |value: &Value| value.get("secret").and_then(Value::as_bool) == Some(true);
        let secrets = self.variables.into_iter().flatten().filter(|(_, value)| is_secret(value)).map(|(name, _)| name);
        let mut findings = Vec::new();
        for secret in secrets {
            for (name, component) in self.components.iter().filter(|(name, _)| !self.guards.contains(name)) {
                let tables = ["variables", "environment"].map(|table| component.get(table).and_then(Value::as_table));
                for (variable, value) in tables.into_iter().flatten().flatten() {
                    if value.as_str().is_some_and(|value| names(value, secret)) {
                        findings.push(format!("secret: the code of {name} can read {secret}, as {variable}"));
                    }
                }
            }
        }
        findings
    }
}

/// Whether a template has this variable in it.
fn names(template: &str, variable: &str) -> bool {
    template.split("{{").skip(1).any(|part| part.split("}}").next().is_some_and(|name| name.trim() == variable))
}

/// The syntax of an early proposal. Spin reads it and does nothing, so that a route that looks guarded is open.
fn ignored(trigger: &Trigger<'_>) -> Option<String> {
    trigger.entry.get("components")?;
    let route = trigger.route.unwrap_or("(private)");
    Some(format!(
        "ignored: Spin reads `components` of the route {route} and does nothing; write `dependencies.middleware`"
    ))
}

#[cfg(test)]
mod tests;
