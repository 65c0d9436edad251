//! `cargo dev audit`

mod template;

mod guard;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::fs;
use toml::{Table, Value};

use self::{guard::KnownGuard, template::variables_of};

/// Report what a Spin manifest leaves unprotected.
///
/// A guard is a component that decides who may call, for itself or for the app behind it: `entra`, the API, the sign-in
/// app. Reports routes that reach a component without a guard, guards that are on no route or can be bypassed, guards on
/// public routes that issue application tokens, secrets that a component other than a guard can read, settings that a
/// guard lacks or does not have, addresses that it may not call, stores that it may not open, and what Spin silently
/// ignores. Fails if there is anything to report. Paths that a guard leaves open on purpose are listed too, but do not make
/// it fail.
#[derive(Args, Debug)]
pub struct Audit {
    /// The manifest.
    #[arg(default_value = "spin.toml", value_name = "FILE")]
    manifest: PathBuf,
    /// Another component that is a guard; middleware that is none of the manifest's components by its path, URL or package.
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
        ensure!(
            manifest.get("spin_manifest_version").and_then(Value::as_integer) == Some(2),
            "{} is no Spin manifest of version 2, which is the only one that is understood here",
            self.manifest.display()
        );
        let app = App::read(&manifest, &self.guards);
        let findings = audit(&app);
        for line in findings.iter().chain(&app.public_paths()) {
            println!("{line}");
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
    components: BTreeMap<String, &'a Table>,
    triggers: Vec<Trigger<'a>>,
    /// Their names.
    guards: Vec<String>,
    /// What the operator says are guards, whether or not the manifest has a component of this name.
    named: &'a [String],
}

/// What a request passes before it reaches the component of its route.
struct Middleware {
    /// Of the component, or where it comes from.
    name: String,
    /// Whether it gets the variables of that component, and so its secrets.
    inherits_variables: bool,
}

/// An entry of `[[trigger.http]]`.
struct Trigger<'a> {
    /// Missing where the route is private.
    route: Option<&'a str>,
    component: String,
    entry: &'a Table,
}

impl Trigger<'_> {
    /// The middleware through which a request reaches its component.
    fn middleware(&self) -> Vec<Middleware> {
        let entries = self.entry.get("dependencies").and_then(|dependencies| dependencies.get("middleware"));
        let entries = entries.and_then(Value::as_array).into_iter().flatten();
        let name_of = |entry: &Value| {
            let name = ["component", "path", "url", "package"].iter().find_map(|key| entry.get(key)?.as_str());
            name.unwrap_or("(without a name)").to_owned()
        };
        let inherits = |entry: &Value| match entry.get("inherit_configuration") {
            Some(Value::Array(names)) => names.iter().any(|name| name.as_str() == Some("variables")),
            all => all.and_then(Value::as_bool) == Some(true),
        };
        entries.map(|entry| Middleware { name: name_of(entry), inherits_variables: inherits(entry) }).collect()
    }

    /// Whether its requests reach this component.
    fn reaches(&self, component: &str) -> bool {
        self.component == component || self.middleware().iter().any(|middleware| middleware.name == component)
    }
}

fn audit(app: &App<'_>) -> Vec<String> {
    let mut findings = Vec::new();
    findings.extend(app.triggers.iter().filter_map(|trigger| app.open_route(trigger)));
    findings.extend(app.triggers.iter().filter_map(ignored));
    findings.extend(app.guards.iter().flat_map(|guard| app.faults_of_guard(guard)));
    findings.extend(app.guards.iter().flat_map(|guard| app.faults_of_names(guard)));
    findings.extend(app.guards.iter().flat_map(|guard| app.unreachable(guard)));
    findings.extend(app.guards.iter().flat_map(|guard| app.faults_of_stores(guard)));
    findings.extend(app.readable_secrets());
    findings.extend(app.inheritors());
    findings
}

impl<'a> App<'a> {
    fn read(manifest: &'a Table, named: &'a [String]) -> Self {
        let components = manifest.get("component").and_then(Value::as_table).into_iter().flatten();
        let mut components: BTreeMap<String, &Table> =
            components.filter_map(|(name, value)| Some((name.clone(), value.as_table()?))).collect();
        let kinds = manifest.get("trigger").and_then(Value::as_table).into_iter().flatten();
        let entries =
            kinds.flat_map(|(kind, entries)| entries.as_array().into_iter().flatten().map(move |entry| (kind, entry)));
        let mut triggers = Vec::new();
        for (number, (kind, entry)) in entries.filter_map(|(kind, entry)| Some((kind, entry.as_table()?))).enumerate() {
            let route = entry.get("route").and_then(Value::as_str);
            let component = match entry.get("component") {
                // An inline component has no name but that which Spin derives from the trigger's, if that has one.
                Some(Value::Table(component)) => {
                    let name = match (entry.get("id").and_then(Value::as_str), route) {
                        (Some(id), _) => format!("{id}-component"),
                        (None, Some(route)) => format!("the component of {route}"),
                        (None, None) => format!("the component of trigger {}", number.saturating_add(1)),
                    };
                    components.insert(name.clone(), component);
                    name
                }
                Some(component) => component.as_str().unwrap_or_default().to_owned(),
                // Spin answers by itself.
                None => continue,
            };
            if kind == "http" {
                triggers.push(Trigger { route, component, entry });
            }
        }
        let is_guard = |name: &String, component: &Table| KnownGuard::of(component).is_some() || named.contains(name);
        let guards = components.iter().filter(|(name, component)| is_guard(name, component)).map(|(name, _)| name);
        let variables = manifest.get("variables").and_then(Value::as_table);
        Self { guards: guards.cloned().collect(), named, triggers, components, variables }
    }

    fn open_route(&self, trigger: &Trigger<'_>) -> Option<String> {
        let Trigger { route, component, .. } = trigger;
        let route = (*route)?;
        let middleware = trigger.middleware();
        if self.guards.contains(component) || middleware.iter().any(|entry| self.named.contains(&entry.name)) {
            return None;
        }
        let names: Vec<&str> = middleware.iter().map(|entry| entry.name.as_str()).collect();
        if let Some(known) = names.iter().find(|name| self.guards.iter().any(|guard| guard == *name)) {
            return Some(format!(
                "open: {known} cannot be middleware of the route {route}, because it passes requests on by a call; put it \
                 on the route, and set its upstream to {component}"
            ));
        }
        Some(match names.as_slice() {
            [] => format!("open: the route {route} reaches {component} without a guard"),
            names => format!(
                "open: the route {route} reaches {component} with no known guard in its middleware ({}); if one of these \
                 decides who may call, name it with --guard",
                names.join(", ")
            ),
        })
    }

    /// Middleware in front of a guard that gets the guard's secrets.
    fn inheritors(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for trigger in self.triggers.iter().filter(|trigger| self.guards.contains(&trigger.component)) {
            let Trigger { component, .. } = trigger;
            let others = trigger.middleware().into_iter().filter(|entry| !self.named.contains(&entry.name));
            for Middleware { name, .. } in others.filter(|entry| entry.inherits_variables) {
                findings.push(format!(
                    "secret: the middleware {name} inherits the variables of {component}; leave `variables` out of its \
                     inherit_configuration"
                ));
            }
        }
        findings
    }

    /// What guards leave open because their settings say so.
    fn public_paths(&self) -> Vec<String> {
        let paths = |guard: &String| {
            let paths = self.setting(guard, "public_paths").filter(|paths| !paths.trim().is_empty())?;
            let upstream = self.setting(guard, "upstream").unwrap_or_default();
            Some(format!("public: {guard} lets anyone reach {} of {upstream} (public_paths)", paths.trim()))
        };
        self.guards.iter().filter_map(paths).collect()
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
        let hosts: Vec<String> =
            hosts.filter_map(Value::as_str).map(|host| normal_origin(&self.with_defaults(host))).collect();
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
            let origin = normal_origin(&format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()));
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
        if !self.triggers.iter().any(|trigger| trigger.reaches(guard)) {
            faults.push(format!("idle: the guard {guard} is on no route, public or private"));
        }
        if self.setting(guard, "application_tokens_for").is_some_and(|names| !names.trim().is_empty()) {
            let routes = self.triggers.iter().filter(|trigger| trigger.reaches(guard));
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
        if !self.triggers.iter().any(|trigger| trigger.reaches(guard) && trigger.route.is_some()) {
            faults.push(format!("idle: the guard {guard} forwards to {upstream}, but is on no public route"));
        }
        let host = upstream.split_once("://").and_then(|(_, rest)| rest.split(['/', ':']).next()).unwrap_or_default();
        let behind = host.to_ascii_lowercase().strip_suffix(".spin.internal").map(str::to_owned);
        if let Some(behind) = behind {
            let mut routes = self.triggers.iter().filter(|trigger| trigger.component == behind).peekable();
            if !self.components.contains_key(&behind) {
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

    /// Secrets that components other than guards can read from their variables or their environment. Secrets are the
    /// application's variables that are declared secret or that a guard uses for a secret setting, and secret settings whose
    /// value is in the manifest itself.
    fn readable_secrets(&self) -> Vec<String> {
        let is_secret = |value: &Value| value.get("secret").and_then(Value::as_bool) == Some(true);
        let declared = self.variables.into_iter().flatten().filter(|(_, value)| is_secret(value));
        let mut secrets: BTreeSet<&str> = declared.map(|(name, _)| name.as_str()).collect();
        let mut literals = Vec::new();
        for guard in &self.guards {
            let known = self.components.get(guard).and_then(|component| KnownGuard::of(component));
            for name in known.map(KnownGuard::secrets).into_iter().flatten() {
                let value = self.settings(guard).and_then(|settings| settings.get(&name)?.as_str()).unwrap_or_default();
                let literal = self.with_defaults(value);
                if !literal.is_empty() && !literal.contains("{{") {
                    literals.push((format!("the {name} of {guard}"), literal));
                }
                secrets.extend(variables_of(value));
            }
        }
        let mut findings = Vec::new();
        for (name, component) in self.components.iter().filter(|(name, _)| !self.guards.contains(name)) {
            let table = |table: &str| component.get(table).and_then(Value::as_table).into_iter().flatten();
            // Spin puts no variables into the environment.
            for (is_template, (variable, value)) in
                table("variables").map(|entry| (true, entry)).chain(table("environment").map(|entry| (false, entry)))
            {
                let value = value.as_str().unwrap_or_default();
                let named = variables_of(value).filter(|name| is_template && secrets.contains(name)).map(str::to_owned);
                let resolved = if is_template { self.with_defaults(value) } else { value.to_owned() };
                let copied = literals.iter().filter(|(_, secret)| resolved == *secret).map(|(what, _)| what.clone());
                for secret in named.chain(copied) {
                    findings.push(format!("secret: the code of {name} can read {secret}, as {variable}"));
                }
            }
        }
        findings
    }
}

/// An origin without the port that its scheme implies, in lower case.
fn normal_origin(origin: &str) -> String {
    let origin = origin.trim_end_matches('/').to_ascii_lowercase();
    let implied = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(implied).unwrap_or(&origin).to_owned()
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
