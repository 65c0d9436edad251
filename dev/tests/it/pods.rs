//! What the pods of `deploy/` would run, run on this machine, on the real Spin.
//!
//! Arguments, environment and runtime configuration are those of the rendered manifests and the `Dockerfile`. Folders of the
//! container are below a temporary folder, and what an operator fills in is that of an emulated tenant.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use cargo_dev::{component::Component, programs::output_of, progress::Progress, spin_program::SpinProgram, workspace};
use deployment_manifests::{
    image::Image,
    kustomize::{self, only},
    pod::Container,
};
use emulated_tenant::{Endpoint, Tenant, TenantOptions};
use profile_get_dev::{
    loopback,
    run::{LogSink, Redis, Registry, Server},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use toml::Table;

/// The application that the manifests name.
const PUBLISHED: &str = "YOUR-REGISTRY/profile-get:";

/// The pod's token.
const TOKEN_FILE: &str = "/var/run/secrets/azure/tokens/azure-identity-token";

/// Everything that the pods share.
struct Cluster {
    spin: SpinProgram,
    tenant: Tenant,
    redis: Redis,
    folder: TempDir,
}

impl Cluster {
    /// `None`, with a message, where something is not installed.
    async fn start() -> Option<Self> {
        let Ok(spin) = SpinProgram::find().await else {
            eprintln!("skipped: the real Spin is not installed, or SPIN does not name it");
            return None;
        };
        if !kustomize::is_installed().await || !Redis::is_installed().await {
            eprintln!("skipped: kubectl and redis-server are needed");
            return None;
        }
        Component::Api.build(Progress::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let redis = Redis::start(folder.path()).await.unwrap();
        Some(Self { spin, tenant: Tenant::start(TenantOptions::default()).await.unwrap(), redis, folder })
    }

    /// Runs a container in a folder of its own.
    async fn run(&self, name: &str, container: &Container) -> Pod {
        let root = self.folder.path().join(name);
        let place = |path: &str| placed(&root, path);
        let home = place("/root");
        fs::create_dir_all(place("/state")).unwrap();
        fs::create_dir_all(&home).unwrap();
        unpack_image(&root);
        for (path, content) in &container.files {
            write(&root.join(path.strip_prefix("/").unwrap()), &self.filled_in(content));
        }

        let mut environment: BTreeMap<String, String> =
            container.environment.iter().map(|(name, value)| (name.clone(), place(value))).collect();
        // Spin caches what it pulls and compiles. Every pod begins without.
        environment.insert("HOME".to_owned(), home);
        environment.insert("AZURE_AUTHORITY_HOST".to_owned(), self.tenant.authority_url().to_owned());
        for (variable, secret) in &container.from_secrets {
            assert_eq!(secret, &("profile-get-client-secret".to_owned(), "clientsecret".to_owned()));
            environment.insert(variable.clone(), self.tenant.client_secret());
        }
        self.act_as_reader(&mut environment);
        let token = self.tenant.service_account_token("profile-get", "profile-get", |_| {});
        write(Path::new(&place(TOKEN_FILE)), &token);

        let arguments: Vec<OsString> = container.arguments.iter().map(|argument| place(argument).into()).collect();
        let log = LogSink::Collect;
        Pod { spin: Server::run(self.spin.path(), arguments, &environment, &root, &log).await.unwrap() }
    }

    /// What an operator fills in, and the addresses of the tenant instead of Microsoft's.
    fn filled_in(&self, configuration: &str) -> String {
        let mut configuration: Table = configuration.parse().unwrap();
        let providers = configuration["variables_provider"].as_array_mut().unwrap();
        let values = providers[0]["values"].as_table_mut().unwrap();
        for (name, value) in [
            ("tenant_id", self.tenant.tenant_id()),
            ("client_id", self.tenant.client_id()),
            ("authority_host", self.tenant.authority_url()),
            ("graph_url", self.tenant.graph_url()),
        ] {
            assert!(values.insert(name.to_owned(), value.into()).is_some(), "{name}");
        }
        if let Some(vault) = providers.get_mut(1) {
            vault["vault_url"] = self.tenant.vault_url().into();
        }
        if let Some(stores) = configuration.get_mut("key_value_store") {
            stores["default"]["url"] = self.redis.url().into();
        }
        toml::to_string(&configuration).unwrap()
    }

    /// Fills in the ids of the identity that may read the vault, which is to trust the pod's token.
    fn act_as_reader(&self, environment: &mut BTreeMap<String, String>) {
        if !environment.contains_key("AZURE_FEDERATED_TOKEN_FILE") {
            return;
        }
        let identity = self.tenant.vault_identity().client_id;
        self.trust(&identity);
        for (name, value) in [("AZURE_TENANT_ID", self.tenant.tenant_id()), ("AZURE_CLIENT_ID", &identity)] {
            assert!(environment.insert(name.to_owned(), value.to_owned()).is_some(), "{name}");
        }
    }

    /// Lets the application or identity be proven by a token of the pods' service account.
    fn trust(&self, client_id: &str) {
        self.tenant
            .trust(client_id, self.tenant.cluster_issuer(), "system:serviceaccount:profile-get:profile-get")
            .unwrap();
    }

    fn count(&self, endpoint: Endpoint) -> usize {
        self.tenant.requests().iter().filter(|request| request.endpoint == endpoint).count()
    }

    fn token(&self, person: &str) -> String {
        self.tenant.access_token(self.tenant.person(person).unwrap(), |_| {})
    }
}

/// A running container.
struct Pod {
    spin: Server,
}

impl Pod {
    /// The person's name in the profile, and where the token for Graph came from.
    async fn profile(&self, token: &str) -> (Value, Value) {
        let url = format!("{}/api/profile-get", self.spin.url());
        let response = loopback::client().unwrap().get(url).bearer_auth(token).send().await.unwrap();
        let id = response.headers()["request-id"].to_str().unwrap().to_owned();
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        let line = self.log_line(&id).await;
        assert_eq!(status, 200, "{body} {line}");
        (body["displayName"].clone(), line["token_from"].clone())
    }

    /// Every probe of the only Deployment succeeds.
    async fn passes_probes(&self, objects: &[Value]) {
        let container = &only(objects, "Deployment").unwrap()["spec"]["template"]["spec"]["containers"][0];
        for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let path = container[probe]["httpGet"]["path"].as_str().unwrap();
            let response = loopback::client().unwrap().get(format!("{}{path}", self.spin.url())).send().await.unwrap();
            assert_eq!(response.status(), 200, "{probe} {:?}", self.spin.log_lines());
        }
    }

    async fn log_line(&self, request_id: &str) -> Value {
        for _ in 0..200 {
            let lines = self.spin.log_lines();
            if let Some(line) = lines.iter().find(|line| line.contains(request_id)) {
                return serde_json::from_str(&line[line.find('{').unwrap()..]).unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("no line for {request_id}: {:?}", self.spin.log_lines());
    }
}

/// A path of the container, below `root`; the address at which the container listens, as a free port. Any other text stays.
fn placed(root: &Path, text: &str) -> String {
    if text.starts_with("0.0.0.0:") {
        return "127.0.0.1:0".to_owned();
    }
    match text.strip_prefix('/') {
        Some(path) => root.join(path).to_str().unwrap().to_owned(),
        None => text.to_owned(),
    }
}

/// The files that the `Dockerfile` puts into the image.
fn unpack_image(root: &Path) {
    let wasm = "target/wasm32-wasip2/release/profile_get.wasm";
    let copy = root.join("app").join(wasm);
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(workspace::root().join(wasm), copy).unwrap();
    let tokens = "/var/run/secrets/azure/tokens";
    fs::create_dir_all(placed(root, tokens)).unwrap();
    let manifest = fs::read_to_string(workspace::manifest()).unwrap().replace("\n# files = ", "\nfiles = ");
    let source = format!("source = {tokens:?}");
    assert!(manifest.contains(&source), "{manifest}");
    write(&root.join("app/spin.toml"), &manifest.replace(&source, &format!("source = {:?}", placed(root, tokens))));
    let logs = root.join("app/logs");
    fs::create_dir(&logs).unwrap();
    for stream in ["stdout", "stderr"] {
        symlink("/dev/null", logs.join(format!("profile-get_{stream}.txt"))).unwrap();
    }
}

fn write(file: &Path, content: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

async fn objects(overlay: &str) -> Vec<Value> {
    kustomize::objects(&kustomize::render(overlay).await.unwrap()).unwrap()
}

#[tokio::test]
async fn two_pods_share_what_one_has_exchanged() {
    let Some(cluster) = Cluster::start().await else { return };
    let objects = objects("kubernetes/overlays/key-vault").await;
    // The identity trusts this account.
    let deployment = only(&objects, "Deployment").unwrap();
    assert_eq!(deployment["metadata"]["namespace"], "profile-get");
    assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], "profile-get");

    let container = Container::of_deployment(&objects, &Image::load().unwrap()).unwrap();
    let (first, second) = (cluster.run("first", &container).await, cluster.run("second", &container).await);
    let ada = cluster.token("ada");
    let (name, from) = first.profile(&ada).await;
    assert_eq!(from, "exchange");
    assert_eq!(second.profile(&ada).await, (name, "store".into()));
    assert_eq!((cluster.count(Endpoint::Token), cluster.count(Endpoint::KeySet)), (1, 1));
    // Each reads the vault as the pod's identity: Spin before the first call, and the component.
    assert_eq!(cluster.count(Endpoint::VaultSecret), 4);

    // The other way round, and what is refused stays refused in both.
    let zoe = cluster.token("zoe");
    assert_eq!(second.profile(&zoe).await.1, "exchange");
    assert_eq!(first.profile(&zoe).await.1, "store");
    assert_eq!(cluster.count(Endpoint::Token), 2);
    assert_nothing_written(&cluster, "first");
}

/// The pod's file system is read-only but for the state folder.
fn assert_nothing_written(cluster: &Cluster, name: &str) {
    let root = cluster.folder.path().join(name);
    let mut unexpected: Vec<PathBuf> = Vec::new();
    let mut folders = vec![root.join("app"), root.join("root"), root.join("config")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(entry.path()),
                _ => unexpected.push(entry.path().strip_prefix(&root).unwrap().to_owned()),
            }
        }
    }
    unexpected.sort();
    let expected = [
        "app/logs/profile-get_stderr.txt",
        "app/logs/profile-get_stdout.txt",
        "app/spin.toml",
        "app/target/wasm32-wasip2/release/profile_get.wasm",
        "config/runtime-config.toml",
    ];
    assert_eq!(unexpected, expected.map(PathBuf::from));
}

#[tokio::test]
async fn a_pod_reads_the_secret_from_its_environment() {
    let Some(cluster) = Cluster::start().await else { return };
    let objects = objects("kubernetes/overlays/kubernetes-secret").await;
    let container = Container::of_deployment(&objects, &Image::load().unwrap()).unwrap();
    let pod = cluster.run("pod", &container).await;
    let ada = cluster.token("ada");
    assert_eq!(pod.profile(&ada).await.1, "exchange");
    assert_ne!(pod.profile(&ada).await.1, "exchange");
    assert_eq!(cluster.count(Endpoint::VaultSecret), 0);
}

#[tokio::test]
async fn pods_without_a_secret_share_what_one_has_exchanged() {
    let Some(cluster) = Cluster::start().await else { return };
    let objects = objects("kubernetes/overlays/workload-identity").await;
    let container = Container::of_deployment(&objects, &Image::load().unwrap()).unwrap();
    cluster.trust(cluster.tenant.client_id());
    let (first, second) = (cluster.run("first", &container).await, cluster.run("second", &container).await);
    first.passes_probes(&objects).await;
    assert_eq!(cluster.tenant.requests().len(), 0);
    let ada = cluster.token("ada");
    assert_eq!(first.profile(&ada).await.1, "exchange");
    assert_eq!(second.profile(&ada).await.1, "store");
    assert_eq!((cluster.count(Endpoint::Token), cluster.count(Endpoint::VaultSecret)), (1, 0));
}

#[tokio::test]
async fn a_pod_of_the_operator_pulls_the_application() {
    let Some(cluster) = Cluster::start().await else { return };
    if !Registry::is_installed().await {
        return eprintln!("skipped: docker-registry is not installed");
    }
    let registry = Registry::start(cluster.folder.path()).await.unwrap();
    let mut container = Container::of_spin_app(&objects("spinkube").await).unwrap();
    let published = container.arguments.iter_mut().find(|argument| argument.starts_with(PUBLISHED)).unwrap();
    *published = published.replace("YOUR-REGISTRY", &registry.address().to_string());
    let (published, home) = (published.clone(), cluster.folder.path().join("developer"));

    let mut push = Command::new(cluster.spin.path());
    push.args(["registry", "push", "--insecure", "--from", "spin.toml", &published]);
    let pushed = output_of(push.current_dir(workspace::root()).env("HOME", home)).await.unwrap();
    assert!(pushed.contains("Pushed with digest sha256:"), "{pushed}");

    // The registry has no TLS. What the workload identity webhook adds, which is all that the pod has of the vault.
    container.arguments.push("--insecure".to_owned());
    for (name, value) in
        [("AZURE_FEDERATED_TOKEN_FILE", TOKEN_FILE), ("AZURE_TENANT_ID", "later"), ("AZURE_CLIENT_ID", "later")]
    {
        container.environment.insert(name.to_owned(), value.to_owned());
    }
    let pod = cluster.run("pod", &container).await;
    assert_eq!(pod.profile(&cluster.token("ada")).await.1, "exchange");
    assert_eq!(cluster.count(Endpoint::VaultSecret), 2);
}
