//! The components that are known to decide who may call, and the settings of each.

use toml::{Table, Value};

use super::template::variables_of;

/// A component of this project that decides who may call.
pub(super) struct KnownGuard {
    /// The name of its Wasm file.
    file: &'static str,
    /// Settings that nothing else has, by which it is known under another name.
    marks: &'static [&'static str],
    /// Its own manifest, which has all its settings, and its name there.
    manifest: &'static str,
    name: &'static str,
    /// The settings without a default, but for the credential. `None`: all.
    required: Option<&'static [&'static str]>,
}

const KNOWN: [KnownGuard; 3] = [
    KnownGuard {
        file: "entra.wasm",
        marks: &[
            "forward_authorization",
            "downstream_apis",
            "application_tokens_for",
            "access_token_for",
            "claims_to_headers",
        ],
        manifest: include_str!("../../../../../components/entra/spin.toml"),
        name: "entra",
        required: Some(&REQUIRED_BY_ENTRA),
    },
    KnownGuard {
        file: "profile_get.wasm",
        marks: &[],
        manifest: include_str!("../../../../../spin.toml"),
        name: "profile-get",
        required: None,
    },
    KnownGuard {
        file: "profile_app.wasm",
        marks: &[],
        manifest: include_str!("../../../../../app/spin.toml"),
        name: "profile-app",
        required: None,
    },
];

const REQUIRED_BY_ENTRA: [&str; 5] =
    ["tenant_id", "client_id", "required_scope", "allowed_clients", "forward_authorization"];

/// The settings that matter only if the credential is not `clientsecret`.
const WITHOUT_SECRET: [&str; 4] =
    ["federated_token_file", "identity_endpoint", "identity_header", "identity_client_id"];

impl KnownGuard {
    /// The one that this component of a manifest is, if it is one.
    pub(super) fn of(component: &Table) -> Option<&'static Self> {
        let source = component.get("source");
        let source = source.and_then(|source| source.as_str().or_else(|| source.get("url")?.as_str()));
        let file = source.and_then(|source| source.rsplit('/').next());
        let given = component.get("variables").and_then(Value::as_table);
        let is_given = |mark: &&str| given.is_some_and(|given| given.contains_key(*mark));
        KNOWN.iter().find(|known| file == Some(known.file) || known.marks.iter().any(is_given))
    }

    /// What is wrong with the names of the settings that a manifest gives to the guard called `guard`. `credential` is what
    /// `client_credential` says.
    pub(super) fn faults_of_names(&self, guard: &str, given: &Table, credential: &str) -> Vec<String> {
        let own = self.own_component();
        let own = own.get("variables").and_then(Value::as_table);
        let own: Vec<&str> = own.into_iter().flat_map(Table::keys).map(String::as_str).collect();
        let unknown = given.keys().filter(|name| !own.contains(&name.as_str()));
        let unknown = unknown.map(|name| format!("unknown: {name} is not a setting of {guard}, which ignores it"));
        let missing = own.iter().filter(|name| self.needs(name, credential) && !given.contains_key(**name));
        unknown.chain(missing.map(|name| missing_from(guard, name))).collect()
    }

    /// The stores of its own manifest that `component`, the guard called `guard`, may not open.
    pub(super) fn faults_of_stores(&self, guard: &str, component: &Table) -> Vec<String> {
        let stores = |component: &Table| -> Vec<String> {
            let stores = component.get("key_value_stores").and_then(Value::as_array);
            stores.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let given = stores(component);
        let missing = stores(&self.own_component()).into_iter().filter(|store| !given.contains(store));
        let fault = |store| {
            format!(
                "unshared: {guard} may not open the store {store}, so its instances share nothing; list it in key_value_stores"
            )
        };
        missing.map(fault).collect()
    }

    /// The settings whose values come from secret variables in its own manifest.
    pub(super) fn secrets(&self) -> Vec<String> {
        let own: Table = self.manifest.parse().unwrap_or_default();
        let variables = own.get("variables").and_then(Value::as_table);
        let is_secret = |name: &str| {
            let secret = variables.and_then(|variables| variables.get(name)?.get("secret")?.as_bool());
            secret == Some(true)
        };
        let component = self.own_component();
        let settings = component.get("variables").and_then(Value::as_table).into_iter().flatten();
        let secret =
            settings.filter(|(_, value)| value.as_str().is_some_and(|value| variables_of(value).any(is_secret)));
        secret.map(|(name, _)| name.clone()).collect()
    }

    /// Its part of its own manifest.
    fn own_component(&self) -> Table {
        let own: Table = self.manifest.parse().unwrap_or_default();
        let own = own.get("component").and_then(|components| components.get(self.name)?.as_table());
        own.cloned().unwrap_or_default()
    }

    fn needs(&self, name: &str, credential: &str) -> bool {
        match name {
            "client_secret" => credential == "clientsecret",
            name if WITHOUT_SECRET.contains(&name) => credential != "clientsecret" && self.required.is_none(),
            name => self.required.is_none_or(|required| required.contains(&name)),
        }
    }
}

fn missing_from(guard: &str, name: &str) -> String {
    match name {
        "client_secret" => format!(
            "missing: {guard} has no client_secret; give it one, or set client_credential to token_file or \
             managed_identity"
        ),
        _ => format!("missing: {guard} has no {name}, and without it answers every request with 500"),
    }
}

#[cfg(test)]
mod tests {
    use super::REQUIRED_BY_ENTRA;

    #[test]
    fn the_required_settings_are_those_of_the_source() {
        let source = include_str!("../../../../../components/entra/src/settings/mod.rs");
        let required = source.split_once("const REQUIRED: [&str; 5] = [").unwrap().1.split_once(']').unwrap().0;
        let required: Vec<_> = required.split(',').map(|name| name.trim().trim_matches('"')).collect();
        assert_eq!(required, REQUIRED_BY_ENTRA);
    }
}
