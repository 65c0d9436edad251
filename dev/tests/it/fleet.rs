//! Several hosts that share one Redis, and what happens to requests when it fails.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cargo_dev::{component::Component, progress::Progress};
use emulated_tenant::{Endpoint, Tenant, TenantOptions};
use profile_get_dev::{
    loopback::client,
    run::{Api, ApiOptions, GuardedApp, GuardedAppOptions, Redis, Runner, runtime_config::KeyValueStore},
};
use reqwest::Client;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

/// How long the component leaves a store alone that has failed, and a little more.
const REST: Duration = Duration::from_millis(5500);

/// How long it may take until what one host has learnt is in the store.
const STORING: Duration = Duration::from_millis(500);

/// Hosts that are configured alike.
struct Fleet {
    tenant: Arc<Tenant>,
    hosts: Vec<Api>,
    client: Client,
}

impl Fleet {
    async fn start(hosts: usize, store: &str) -> Self {
        let tenant = Arc::new(Tenant::start(TenantOptions::default()).await.unwrap());
        let mut fleet = Self { tenant, hosts: Vec::new(), client: Client::builder().no_proxy().build().unwrap() };
        for _ in 0..hosts {
            let runner = Runner::from_environment().unwrap();
            let options = ApiOptions { runner, store: KeyValueStore::Redis(store.to_owned()), ..ApiOptions::default() };
            fleet.hosts.push(Api::start_for(Arc::clone(&fleet.tenant), options).await.unwrap());
        }
        fleet
    }

    fn token(&self, person: &str) -> String {
        self.tenant.access_token(self.tenant.person(person).unwrap(), |_| {})
    }

    /// Requests a profile, which must succeed, and returns the id of the request.
    async fn get(&self, host: usize, token: &str) -> String {
        let url = format!("{}/api/profile-get", self.hosts[host].server.url());
        let response = self.client.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200, "{:?}", self.hosts[host].server.log_lines());
        response.headers()["request-id"].to_str().unwrap().to_owned()
    }

    /// The same; returns where the token for Graph came from.
    async fn token_from(&self, host: usize, token: &str) -> String {
        let id = self.get(host, token).await;
        for _ in 0..200 {
            let lines = self.lines(host).await;
            if let Some(line) = lines.iter().find(|line| line["request_id"] == id.as_str()) {
                return line["token_from"].as_str().unwrap().to_owned();
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("no line for {id}");
    }

    async fn lines(&self, host: usize) -> Vec<Value> {
        let lines = self.hosts[host].server.settled_log_lines().await;
        lines.iter().filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok()).collect()
    }

    /// The causes of the lines about the store.
    async fn store_faults(&self, host: usize) -> Vec<String> {
        let lines = self.lines(host).await.into_iter().filter(|line| line["event"] == "store");
        lines.map(|line| line["cause"].as_str().unwrap().to_owned()).collect()
    }

    fn count(&self, endpoint: Endpoint) -> usize {
        self.tenant.requests().iter().filter(|request| request.endpoint == endpoint).count()
    }
}

/// A Redis, and the folder it runs in; `None`, with a message, where it is not installed.
async fn redis() -> Option<(Redis, TempDir)> {
    if !Redis::is_installed().await {
        eprintln!("skipped: redis-server is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    Some((Redis::start(folder.path()).await.unwrap(), folder))
}

/// Gives Redis a command.
async fn tell(url: &str, command: &[&str]) {
    let client = redis::Client::open(url).unwrap();
    let connection = client.get_multiplexed_async_connection().await;
    let mut connection = connection.unwrap_or_else(|error| panic!("{url} {command:?}: {error:?}"));
    let answer = redis::cmd(command[0]).arg(&command[1..]).query_async::<()>(&mut connection).await;
    answer.unwrap_or_else(|error| panic!("{command:?}: {error}"));
}

#[tokio::test]
async fn what_one_host_learns_the_other_knows() {
    let Some((redis, _folder)) = redis().await else { return };
    let fleet = Fleet::start(2, &redis.url()).await;
    let ada = fleet.token("ada");
    assert_eq!(fleet.token_from(0, &ada).await, "exchange");
    assert_eq!(fleet.token_from(1, &ada).await, "store");
    for endpoint in [Endpoint::Token, Endpoint::OpenIdConfiguration, Endpoint::KeySet] {
        assert_eq!(fleet.count(endpoint), 1, "{endpoint:?}");
    }
}

#[tokio::test]
async fn guards_on_two_hosts_share_the_tokens_of_their_apps() {
    let Some((redis, _folder)) = redis().await else { return };
    let app = Component::RustExample.build(Progress::default()).await.unwrap();
    let tenant = Arc::new(Tenant::start(TenantOptions::default()).await.unwrap());
    let token = tenant.access_token(tenant.person("ada").unwrap(), |_| {});
    // They stay, because tokens and keys are stored in the background.
    let mut hosts = Vec::new();
    for _ in 0..2 {
        let options = GuardedAppOptions {
            runner: Runner::from_environment().unwrap(),
            tenant: Some(Arc::clone(&tenant)),
            store: KeyValueStore::Redis(redis.url()),
            ..GuardedAppOptions::default()
        };
        let host = GuardedApp::start(&app, options).await.unwrap();
        let request = client().unwrap().get(format!("{}/profile", host.server.url())).bearer_auth(&token);
        assert_eq!(request.send().await.unwrap().status(), 200, "{:?}", host.server.log_lines());
        hosts.push(host);
        sleep(STORING).await;
    }
    for endpoint in [Endpoint::Token, Endpoint::OpenIdConfiguration, Endpoint::KeySet] {
        let count = tenant.requests().iter().filter(|request| request.endpoint == endpoint).count();
        assert_eq!(count, 1, "{endpoint:?}");
    }
}

#[tokio::test]
async fn both_hosts_drop_a_revoked_token() {
    let Some((redis, _folder)) = redis().await else { return };
    let fleet = Fleet::start(2, &redis.url()).await;
    let ada = fleet.token("ada");
    fleet.get(0, &ada).await;
    fleet.get(1, &ada).await;
    fleet.tenant.revoke_graph_tokens(fleet.tenant.person("ada").unwrap());
    fleet.get(0, &ada).await;
    fleet.get(1, &ada).await;
    // Each exchanges again, and keeps what it got.
    assert_eq!(fleet.count(Endpoint::Token), 3);
    fleet.get(0, &ada).await;
    fleet.get(1, &ada).await;
    assert_eq!(fleet.count(Endpoint::Token), 3);
}

/// What can be wrong with a store.
enum Fault {
    Slow,
    Full,
    WrongPassword,
}

/// Spin ends an instance after 128 requests, and the next one writes a line of its own.
const MOST_REQUESTS: usize = 100;

#[tokio::test]
async fn a_failing_store_costs_no_request_and_one_line() {
    for (fault, words) in
        [(Fault::Slow, "no answer in time"), (Fault::Full, "write failed"), (Fault::WrongPassword, "failed")]
    {
        let Some((redis, _folder)) = redis().await else { return };
        let url = match fault {
            Fault::WrongPassword => {
                tell(&redis.url(), &["CONFIG", "SET", "requirepass", "right"]).await;
                redis.url().replace("redis://", "redis://:hunter2@")
            }
            Fault::Slow | Fault::Full => redis.url(),
        };
        let fleet = Fleet::start(1, &url).await;
        match fault {
            // For longer than the test lasts.
            Fault::Slow => {
                fleet.get(0, &fleet.token("zoe")).await;
                tell(&redis.url(), &["CLIENT", "PAUSE", "60000", "ALL"]).await;
            }
            Fault::Full => tell(&redis.url(), &["CONFIG", "SET", "maxmemory", "1"]).await,
            Fault::WrongPassword => {}
        }
        let began = Instant::now();
        let mut requests = 0;
        while began.elapsed() < Duration::from_secs(2) && requests < MOST_REQUESTS {
            let person = if requests % 2 == 0 { "ada" } else { "zoe" };
            fleet.get(0, &fleet.token(person)).await;
            requests += 1;
        }
        let faults = fleet.store_faults(0).await;
        assert_eq!(faults.len(), 1, "{requests} requests: {faults:?}");
        assert!(faults[0].contains(words) && !faults[0].contains("hunter2"), "{faults:?}");
    }
}

#[tokio::test]
async fn a_store_is_replaced_under_load() {
    let Some((redis, folder)) = redis().await else { return };
    let fleet = Fleet::start(2, &redis.url()).await;
    let people = ["ada", "zoe"].map(|person| fleet.token(person));
    let ends = Instant::now() + Duration::from_secs(3);
    let load = async |host: usize| {
        let mut requests = 0;
        while Instant::now() < ends {
            fleet.get(host, &people[requests % people.len()]).await;
            requests += 1;
        }
        requests
    };
    let replace = async {
        sleep(Duration::from_secs(1)).await;
        redis.replace(folder.path(), Duration::from_millis(500)).await.unwrap()
    };
    let (first, second, third, _replacement) = tokio::join!(load(0), load(1), load(1), replace);
    assert!(first > 3 && second > 3 && third > 3, "{first}, {second}, {third}");

    // The new one is used as soon as the old one is forgiven.
    sleep(REST).await;
    let ada = fleet.token("ada");
    assert_eq!(fleet.token_from(0, &ada).await, "exchange");
    assert_eq!(fleet.token_from(1, &ada).await, "store");
}
