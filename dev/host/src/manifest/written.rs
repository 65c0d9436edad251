//! The manifest's shape on disk, as far as this host reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Written {
    pub(super) spin_manifest_version: u8,
    pub(super) application: Application,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, WrittenVariable>,
    pub(super) trigger: Triggers,
    #[serde(default)]
    pub(super) component: BTreeMap<String, WrittenComponent>,
}

#[derive(Deserialize)]
pub(super) struct Application {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WrittenVariable {
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
}

#[derive(Deserialize)]
pub(super) struct Triggers {
    pub(super) http: Vec<HttpTrigger>,
}

#[derive(Deserialize)]
pub(super) struct HttpTrigger {
    pub(super) route: WrittenRoute,
    pub(super) component: String,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "route must be a pattern or { private = true }")]
pub(super) enum WrittenRoute {
    Pattern(String),
    Private { private: bool },
}

#[derive(Deserialize)]
pub(super) struct WrittenComponent {
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
