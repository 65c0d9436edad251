//! Which of the manifest's keys this host reads, and which it refuses by name.

use anyhow::Result;
use toml::Value;

use crate::section::{Keys, Section};

/// Refuses, by its path, every key that this host would otherwise silently pass over.
pub(super) fn check_keys(manifest: &Section<'_>) -> Result<()> {
    manifest.check(&MANIFEST)?;
    if let Some(application) = manifest.section("application")? {
        application.check(&APPLICATION)?;
    }
    for (_, variable) in manifest.named_sections("variables")? {
        variable.check(&VARIABLE)?;
    }
    for (_, component) in manifest.named_sections("component")? {
        check_component(&component)?;
    }
    if let Some(triggers) = manifest.section("trigger")? {
        triggers.check(&TRIGGERS)?;
        for trigger in triggers.listed_sections("http")? {
            check_http_trigger(&trigger)?;
        }
    }
    Ok(())
}

fn check_component(component: &Section<'_>) -> Result<()> {
    component.check(&COMPONENT)?;
    if component.get("source").is_some_and(Value::is_table) {
        return Err(component.unsupported("source from a URL or registry"));
    }
    let hosts = component.get("allowed_outbound_hosts").and_then(Value::as_array);
    for host in hosts.into_iter().flatten().filter_map(Value::as_str) {
        if host.contains(".spin.internal") {
            return Err(component.unsupported(&format!("allowed_outbound_hosts `{host}` (service chaining)")));
        }
    }
    Ok(())
}

fn check_http_trigger(trigger: &Section<'_>) -> Result<()> {
    trigger.check(&HTTP_TRIGGER)?;
    if trigger.get("component").is_some_and(Value::is_table) {
        return Err(trigger.unsupported("component written inline"));
    }
    let executor = trigger.get("executor").and_then(|executor| executor.get("type"));
    if executor.is_some_and(|kind| !matches!(kind.as_str(), Some("http" | "spin"))) {
        return Err(trigger.unsupported("executor of this type"));
    }
    Ok(())
}

const MANIFEST: Keys =
    Keys { supported: &["spin_manifest_version", "application", "variables", "trigger", "component"], refused: &[] };
const APPLICATION: Keys =
    Keys { supported: &["name", "version", "description", "authors", "targets", "tool"], refused: &["trigger"] };
const VARIABLE: Keys = Keys { supported: &["required", "default", "secret", "description"], refused: &[] };
const TRIGGERS: Keys = Keys { supported: &["http"], refused: &["redis"] };
const HTTP_TRIGGER: Keys = Keys {
    supported: &["id", "route", "component", "executor"],
    refused: &["components", "dependencies", "static_response"],
};
const COMPONENT: Keys = Keys {
    supported: &[
        "source",
        "description",
        "variables",
        "environment",
        "allowed_outbound_hosts",
        "key_value_stores",
        "targets",
        "build",
        "tool",
        "profile",
    ],
    refused: &[
        "files",
        "exclude_files",
        "allowed_http_hosts",
        "sqlite_databases",
        "ai_models",
        "dependencies_inherit_configuration",
        "dependencies",
    ],
};
