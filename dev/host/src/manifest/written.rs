//! The manifest's shape on disk, as far as this host reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct ManifestFile {
    pub(super) spin_manifest_version: u8,
    pub(super) application: ApplicationTable,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, VariableTable>,
    pub(super) trigger: TriggerTable,
    #[serde(default)]
    pub(super) component: BTreeMap<String, ComponentTable>,
}

#[derive(Deserialize)]
pub(super) struct ApplicationTable {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct VariableTable {
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
}

#[derive(Deserialize)]
pub(super) struct TriggerTable {
    pub(super) http: Vec<HttpTriggerTable>,
}

#[derive(Deserialize)]
pub(super) struct HttpTriggerTable {
    pub(super) route: RouteValue,
    pub(super) component: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "route must be a pattern or { private = true }")]
pub(super) enum RouteValue {
    Pattern(String),
    Private { private: bool },
}

#[derive(Deserialize)]
pub(super) struct ComponentTable {
    pub(super) source: PathBuf,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub(super) key_value_stores: BTreeSet<String>,
}
