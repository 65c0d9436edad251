//! The part of Cilium's network policies that is used.

#![allow(dead_code, reason = "only the names and types of the fields are needed")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CiliumNetworkPolicy {
    api_version: String,
    kind: String,
    metadata: Value,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    egress: Vec<Egress>,
    endpoint_selector: Selector,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Egress {
    to_endpoints: Option<Vec<Selector>>,
    #[serde(rename = "toFQDNs")]
    to_fqdns: Option<Vec<Name>>,
    to_ports: Option<Vec<PortRule>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Name {
    match_name: Option<String>,
    match_pattern: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PortRule {
    ports: Vec<Port>,
    rules: Option<Rules>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Port {
    port: String,
    protocol: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    dns: Vec<Name>,
}
