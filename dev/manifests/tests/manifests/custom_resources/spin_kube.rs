//! The kinds of spin-operator 0.6.1. What Kubernetes itself defines, such as volumes, is any JSON here.

#![allow(dead_code, reason = "only the names and types of the fields are needed")]

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

type Texts = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SpinApp {
    api_version: String,
    kind: String,
    metadata: Value,
    spec: SpinAppSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SpinAppSpec {
    executor: String,
    image: String,
    checks: Option<Checks>,
    components: Option<Vec<String>>,
    deployment_annotations: Option<Texts>,
    enable_autoscaling: Option<bool>,
    image_pull_secrets: Option<Vec<Value>>,
    invocation_limits: Option<Texts>,
    pod_annotations: Option<Texts>,
    pod_labels: Option<Texts>,
    replicas: Option<u32>,
    resources: Option<Resources>,
    runtime_config: Option<RuntimeConfig>,
    service_account_name: Option<String>,
    service_annotations: Option<Texts>,
    variables: Option<Vec<Value>>,
    volume_mounts: Option<Vec<Value>>,
    volumes: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Checks {
    liveness: Option<Check>,
    readiness: Option<Check>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Check {
    failure_threshold: Option<u32>,
    http_get: Option<HttpGet>,
    initial_delay_seconds: Option<u32>,
    period_seconds: Option<u32>,
    success_threshold: Option<u32>,
    timeout_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpGet {
    path: String,
    http_headers: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resources {
    limits: Option<Texts>,
    requests: Option<Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuntimeConfig {
    key_value_stores: Option<Vec<Value>>,
    llm_compute: Option<Value>,
    load_from_secret: Option<String>,
    sqlite_databases: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SpinAppExecutor {
    api_version: String,
    kind: String,
    metadata: Value,
    spec: ExecutorSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExecutorSpec {
    create_deployment: bool,
    deployment_config: Option<DeploymentConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeploymentConfig {
    ca_cert_secret: Option<String>,
    #[serde(rename = "installDefaultCACerts")]
    install_default_ca_certs: Option<bool>,
    otel: Option<Value>,
    runtime_class_name: Option<String>,
    spin_image: Option<String>,
}
