//! Application variables: where their values come from, in Spin's order and with Spin's failures.
//!
//! The first provider that has a value for the name determines it. If a provider fails, the lookup fails: neither a
//! later provider nor the manifest's default is used. The default is used only if no provider has a value.

mod identity;
mod key_vault;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Result, anyhow, bail, ensure};
pub(super) use identity::Principal;
pub(super) use key_vault::KeyVault;

use super::template::{Part, Template};

/// One source of values.
pub(super) enum Provider {
    /// Fixed values: `type = "static"`, and those of the command line.
    Static(BTreeMap<String, String>),
    /// `<prefix>_<NAME>` in the environment.
    Environment { prefix: String, environment: Arc<BTreeMap<String, String>> },
    /// Secrets of an Azure Key Vault.
    KeyVault(Box<KeyVault>),
}

/// Why a variable has no value for the component that asked.
#[derive(Debug)]
pub(super) enum VariableError {
    /// Spin does not accept the name.
    InvalidName(String),
    /// The name is not in the component's table.
    Undefined(String),
    /// A provider failed, or none has a value for a required variable.
    Provider(anyhow::Error),
}

/// The variables that the application declares, and the providers of their values.
pub(super) struct Variables {
    declared: BTreeMap<String, Option<String>>,
    providers: Vec<Provider>,
}

impl Variables {
    /// Takes the declared names with their defaults, and the providers in their order.
    ///
    /// # Errors
    /// If none of them can have a value for a required variable.
    pub(super) fn new(declared: BTreeMap<String, Option<String>>, providers: Vec<Provider>) -> Result<Self> {
        let missing: Vec<&str> = declared
            .iter()
            .filter(|(name, default)| default.is_none() && !providers.iter().any(|provider| provider.may_know(name)))
            .map(|(name, _)| name.as_str())
            .collect();
        ensure!(
            missing.is_empty(),
            "no provider gives the required variables {}: name them in the runtime config or set {}",
            missing.join(", "),
            missing.iter().map(|name| environment_name(DEFAULT_PREFIX, name)).collect::<Vec<_>>().join(", ")
        );
        Ok(Self { declared, providers })
    }

    /// The value that `spin:variables` gives to a component whose table is `component_variables`.
    pub(super) async fn get(
        &self,
        component: &str,
        component_variables: &BTreeMap<String, Template>,
        name: &str,
    ) -> Result<String, VariableError> {
        check_name(name).map_err(|reason| VariableError::InvalidName(format!("{name:?}: {reason}")))?;
        let template = component_variables
            .get(name)
            .ok_or_else(|| VariableError::Undefined(format!("no variable for {component:?}.{name:?}")))?;
        let mut value = String::new();
        for part in &template.parts {
            match part {
                Part::Literal(literal) => value.push_str(literal),
                Part::Variable(name) => {
                    value.push_str(&self.resolve(name).await.map_err(VariableError::Provider)?);
                }
            }
        }
        Ok(value)
    }

    /// The values of all declared variables, resolved one after the other until one fails.
    pub(super) async fn resolve_all(&self) -> Result<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        for name in self.declared.keys() {
            values.insert(name.clone(), self.resolve(name).await?);
        }
        Ok(values)
    }

    async fn resolve(&self, name: &str) -> Result<String> {
        for provider in &self.providers {
            if let Some(value) = provider.get(name).await? {
                return Ok(value);
            }
        }
        self.declared
            .get(name)
            .cloned()
            .flatten()
            .ok_or_else(|| anyhow!("no provider resolved required variable {name:?}"))
    }
}

/// The default prefix of environment variables.
pub(super) const DEFAULT_PREFIX: &str = "SPIN_VARIABLE";

fn environment_name(prefix: &str, name: &str) -> String {
    format!("{prefix}_{}", name.to_ascii_uppercase())
}

impl Provider {
    async fn get(&self, name: &str) -> Result<Option<String>> {
        match self {
            Self::Static(values) => Ok(values.get(name).cloned()),
            Self::Environment { prefix, environment } => Ok(environment.get(&environment_name(prefix, name)).cloned()),
            Self::KeyVault(vault) => vault.get(name).await.map(Some),
        }
    }

    /// Whether it can have a value. A vault is not asked at start, so it can have any.
    fn may_know(&self, name: &str) -> bool {
        match self {
            Self::Static(values) => values.contains_key(name),
            Self::Environment { prefix, environment } => environment.contains_key(&environment_name(prefix, name)),
            Self::KeyVault(_) => true,
        }
    }
}

/// Checks a variable's name: lower-case letters and digits, starting with a letter, with single underscores between.
pub(super) fn check_name(name: &str) -> Result<()> {
    if let Some(invalid) = name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')) {
        bail!(
            "invalid character {invalid:?}. Variable names may contain only lower-case letters, numbers, and underscores."
        );
    }
    ensure!(name.starts_with(|c: char| c.is_ascii_lowercase()), "must start with a lowercase ASCII letter");
    ensure!(!name.ends_with('_'), "must end with a lowercase ASCII letter or digit");
    ensure!(!name.contains("__"), "must not contain multiple consecutive underscores");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn declared(entries: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
        entries.iter().map(|(name, default)| ((*name).to_owned(), default.map(str::to_owned))).collect()
    }

    fn environment(entries: &[(&str, &str)]) -> Provider {
        Provider::Environment { prefix: DEFAULT_PREFIX.to_owned(), environment: Arc::new(map(entries)) }
    }

    /// A vault at whose sign-in address nobody listens, so every lookup fails.
    fn broken_vault() -> Provider {
        let nobody = "http://127.0.0.1:1/";
        let principal = Principal::from_environment(&map(&[
            ("AZURE_AUTHORITY_HOST", nobody),
            ("AZURE_TENANT_ID", "tenant"),
            ("AZURE_CLIENT_ID", "client"),
            ("AZURE_CLIENT_SECRET", "secret"),
        ]));
        Provider::KeyVault(Box::new(KeyVault::new(nobody, principal.unwrap(), &BTreeMap::new()).unwrap()))
    }

    #[tokio::test]
    async fn the_first_provider_with_a_value_determines_it() {
        let variables = Variables::new(
            declared(&[("a", None), ("b", None), ("c", Some("default"))]),
            vec![
                Provider::Static(map(&[("a", "first")])),
                environment(&[("SPIN_VARIABLE_A", "second"), ("SPIN_VARIABLE_B", "second")]),
            ],
        )
        .unwrap();
        let values = variables.resolve_all().await.unwrap();
        assert_eq!(values, map(&[("a", "first"), ("b", "second"), ("c", "default")]));
    }

    #[tokio::test]
    async fn a_failing_provider_ends_the_lookup() {
        let variables = Variables::new(
            declared(&[("known", None), ("defaulted", Some("default"))]),
            vec![
                Provider::Static(map(&[("known", "value")])),
                broken_vault(),
                environment(&[("SPIN_VARIABLE_DEFAULTED", "later")]),
            ],
        )
        .unwrap();
        assert_eq!(variables.resolve("known").await.unwrap(), "value");
        let error = variables.resolve("defaulted").await.unwrap_err();
        assert_eq!(error.to_string(), "Failed to read variable from Azure Key Vault");
        assert!(variables.resolve_all().await.is_err());
    }

    #[tokio::test]
    async fn components_see_their_own_table_only() {
        let variables = Variables::new(declared(&[("host", Some("example.com"))]), vec![]).unwrap();
        let table = BTreeMap::from([
            ("url".to_owned(), Template::parse("https://{{ host }}/x").unwrap()),
            ("fixed".to_owned(), Template::parse("literal").unwrap()),
        ]);
        assert_eq!(variables.get("c", &table, "url").await.unwrap(), "https://example.com/x");
        assert_eq!(variables.get("c", &table, "fixed").await.unwrap(), "literal");
        assert!(matches!(
            variables.get("c", &table, "host").await,
            Err(VariableError::Undefined(message)) if message == "no variable for \"c\".\"host\""
        ));
        assert!(matches!(variables.get("c", &table, "Not-A-Name").await, Err(VariableError::InvalidName(_))));
    }

    #[test]
    fn a_required_variable_without_a_source_stops_the_start() {
        let missing = declared(&[("client_id", None)]);
        let error = Variables::new(missing.clone(), vec![environment(&[])]).err().unwrap();
        assert!(error.to_string().contains("SPIN_VARIABLE_CLIENT_ID"), "{error}");
        assert!(Variables::new(missing, vec![broken_vault()]).is_ok());
    }

    #[test]
    fn names_follow_spins_rule() {
        for name in ["a", "abc", "a1b2", "a_1_b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "aX", "1bc", "_x", "x.y", "x_", "a__b", "x-y"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
