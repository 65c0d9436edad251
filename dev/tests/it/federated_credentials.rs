//! No secret: the token of a pod, and managed identities.

use std::{path::Path, time::Duration};

use emulated_tenant::{Endpoint, ManagedIdentityInfo, ProjectedToken, Service, ServiceAccountToken, Signing, Tenant};
use profile_get_dev::run::{ApiOptions, InstanceReuse};
use serde_json::json;
use tempfile::TempDir;

use crate::harness::{Harness, owned, tenant_options};

const NAMESPACE: &str = "web";
const SERVICE_ACCOUNT: &str = "profile-get";
const SUBJECT: &str = "system:serviceaccount:web:profile-get";

/// Where workload identity mounts the token, and `spin.toml` expects it.
const FOLDER: &str = "/var/run/secrets/azure/tokens";

/// An API whose only credential is the token in a volume, and that volume.
struct Pod {
    harness: Harness,
    volume: ProjectedToken,
    _folder: TempDir,
}

impl Pod {
    async fn start(direct_mounts: bool, change: impl FnOnce(&mut ServiceAccountToken)) -> Self {
        let tenant = Tenant::start(tenant_options()).await.unwrap();
        tenant.trust(tenant.client_id(), tenant.cluster_issuer(), SUBJECT).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let token = tenant.service_account_token(NAMESPACE, SERVICE_ACCOUNT, change);
        let volume = ProjectedToken::create(&tokens, &token).unwrap();
        // Spin copies folders of the application only.
        let source = if direct_mounts { tokens } else { Path::new("tokens").to_owned() };
        let options = ApiOptions {
            // Without a value, the vault would be asked.
            variables: owned(&[("client_credential", "token_file"), ("clientsecret", "")]),
            files: vec![(source, FOLDER.to_owned())],
            direct_mounts,
            directory: Some(folder.path().to_owned()),
            reuse: long_lived(),
            ..ApiOptions::default()
        };
        Self { harness: Harness::with_tenant(tenant, options).await, volume, _folder: folder }
    }

    /// Another token of the cluster replaces the one in the volume.
    fn replace(&self, change: impl FnOnce(&mut ServiceAccountToken)) -> String {
        let token = self.harness.api.tenant.service_account_token(NAMESPACE, SERVICE_ACCOUNT, change);
        self.volume.replace(&token).unwrap();
        token
    }

    /// The client assertion of the last exchange.
    fn asserted(&self) -> String {
        let requests = self.harness.api.tenant.requests();
        let exchange = requests.iter().rev().find(|request| request.endpoint == Endpoint::Token).unwrap();
        assert!(!exchange.form.iter().any(|(name, _)| name == "client_secret"));
        exchange.form.iter().find(|(name, _)| name == "client_assertion").unwrap().1.clone()
    }
}

/// One instance for the whole test.
fn long_lived() -> InstanceReuse {
    InstanceReuse { idle: Duration::from_secs(60), ..InstanceReuse::default() }
}

async fn with_identity(tenant: Tenant, variables: &[(&str, &str)]) -> Harness {
    let endpoint = tenant.platform_url().to_owned();
    let fixed = [("client_credential", "managed_identity"), ("clientsecret", ""), ("identity_endpoint", &endpoint)];
    let variables = owned(&[&fixed[..], variables].concat());
    Harness::with_tenant(tenant, ApiOptions { variables, reuse: long_lived(), ..ApiOptions::default() }).await
}

/// A tenant whose API trusts a user-assigned managed identity.
async fn trusting_an_identity() -> (Tenant, ManagedIdentityInfo) {
    let tenant = Tenant::start(tenant_options()).await.unwrap();
    let identity = tenant.user_assigned_identity();
    let issuer = format!("{}/{}/v2.0", tenant.authority_url(), tenant.tenant_id());
    tenant.trust(tenant.client_id(), &issuer, &identity.principal_id).unwrap();
    (tenant, identity)
}

async fn cause(harness: &Harness, request: usize) -> String {
    harness.request_lines(request).await.remove(request - 1)["cause"].as_str().unwrap().to_owned()
}

async fn warnings(harness: &Harness) -> Vec<String> {
    let lines = harness.api.server.settled_log_lines().await;
    lines.into_iter().filter(|line| line.contains(r#""event":"credential""#)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_pod_is_the_credential_and_no_vault_is_asked() {
    let pod = Pod::start(true, |_| ()).await;
    let answer = pod.harness.get_as("ada").await;
    assert_eq!(answer.status, 200, "{:?}", pod.harness.api.server.log_lines());
    assert_eq!(answer.json()["displayName"], "Ada Marsh");
    let second = pod.replace(|_| ());
    assert_eq!(pod.harness.get_as("ada").await.status, 200);
    assert_eq!(pod.asserted(), second);
    assert_eq!(pod.harness.asked(Service::KeyVault), []);
    assert_eq!(warnings(&pod.harness).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_late_is_found_without_a_restart() {
    let pod = Pod::start(true, |token| token.lasts(3600, -1)).await;
    pod.harness.get_as("ada").await.is(500, "server_misconfigured");
    let cause = cause(&pod.harness, 1).await;
    assert!(cause.contains("AADSTS700024 (time)") && cause.contains("has expired"), "{cause}");
    assert_eq!(warnings(&pod.harness).await.len(), 1, "{:?}", pod.harness.api.server.log_lines());
    // The refusal is remembered by its token.
    pod.replace(|_| ());
    assert_eq!(pod.harness.get_as("ada").await.status, 200, "{:?}", pod.harness.api.server.log_lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_direct_mounts_the_first_token_stays_and_the_operator_is_warned_once() {
    let pod = Pod::start(false, |token| token.lasts(3600, 200)).await;
    assert_eq!(pod.harness.get_as("ada").await.status, 200, "{:?}", pod.harness.api.server.log_lines());
    let first = pod.asserted();
    pod.replace(|_| ());
    assert_eq!(pod.harness.get_as("ada").await.status, 200);
    assert_eq!(pod.asserted(), first);
    let warnings = warnings(&pod.harness).await;
    assert!(warnings.len() == 1 && warnings[0].contains("--direct-mounts"), "{warnings:?}");
    assert!(!warnings[0].contains(&first));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mismatch_of_a_federated_credential_is_named_with_its_remedy() {
    let claim = |name: &'static str, value: serde_json::Value| {
        move |token: &mut ServiceAccountToken| _ = token.claims.insert(name.to_owned(), value.clone())
    };
    let pod = Pod::start(true, |_| ()).await;
    let mut requests = 0;
    for (token, code, words) in [
        (pod.changed(claim("iss", json!("https://issuer.example/"))), "AADSTS700211 (issuer)", "oidcIssuerProfile"),
        (pod.changed(claim("aud", json!(["api://other"]))), "AADSTS700212 (audience)", "api://AzureADTokenExchange"),
        (
            pod.changed(claim("sub", json!("system:serviceaccount:web:other"))),
            "AADSTS700213 (subject)",
            "<service account>",
        ),
        (pod.changed(claim("sub", json!(SUBJECT.to_uppercase()))), "(subject)", "system:serviceaccount:"),
        (pod.changed(|token| token.signing = Signing::Tampered), "AADSTS700027", "not signed with a key"),
    ] {
        pod.volume.replace(&token).unwrap();
        requests += 1;
        let answer = pod.harness.get_as("ada").await;
        answer.is(500, "server_misconfigured");
        assert!(!String::from_utf8_lossy(&answer.body).contains("AADSTS"), "{answer:?}");
        let cause = cause(&pod.harness, requests).await;
        assert!(cause.contains(code) && cause.contains(words), "{code}, {words}: {cause}");
    }
    // A good token is kept while the file holds none.
    pod.replace(|_| ());
    assert_eq!(pod.harness.get_as("ada").await.status, 200);
    pod.volume.replace("a secret").unwrap();
    assert_eq!(pod.harness.get_as("ada").await.status, 200);
    let warnings = warnings(&pod.harness).await;
    assert!(warnings.len() == 1 && warnings[0].contains("federated_token_file is not a token"), "{warnings:?}");
    assert!(!warnings[0].contains("a secret"), "{warnings:?}");
}

impl Pod {
    fn changed(&self, change: impl FnOnce(&mut ServiceAccountToken)) -> String {
        self.harness.api.tenant.service_account_token(NAMESPACE, SERVICE_ACCOUNT, change)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_the_manifest_does_not_name_holds_no_token() {
    let tenant = Tenant::start(tenant_options()).await.unwrap();
    let variables = owned(&[("client_credential", "token_file"), ("clientsecret", "")]);
    let harness = Harness::with_tenant(tenant, ApiOptions { variables, ..ApiOptions::default() }).await;
    harness.get_as("ada").await.is(500, "server_misconfigured");
    let cause = cause(&harness, 1).await;
    assert!(cause.contains("there is no file federated_token_file") && cause.contains("files in spin.toml"), "{cause}");
    assert_eq!(harness.count(Endpoint::Token), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_is_the_credential_on_each_platform() {
    for is_app in [false, true] {
        let (tenant, identity) = trusting_an_identity().await;
        let [_, (_, header)] = tenant.identity_variables();
        let header = if is_app { header } else { String::new() };
        let variables = [("identity_header", header.as_str()), ("identity_client_id", identity.client_id.as_str())];
        let harness = with_identity(tenant, &variables).await;
        for _ in 0..2 {
            assert_eq!(harness.get_as("ada").await.status, 200, "{:?}", harness.api.server.log_lines());
        }
        assert_eq!(harness.asked(Service::KeyVault), []);
        assert_eq!(harness.count(Endpoint::ManagedIdentity), 1);
        let log = harness.api.server.settled_log_lines().await.join("\n");
        assert!(header.is_empty() || !log.contains(&header), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_managed_identity_is_logged_and_the_caller_learns_nothing_of_it() {
    let other = "99999999-9999-4999-8999-999999999998";
    for (header, id, words) in [
        ("", other, "status 400 invalid_request; see that the machine or app has the managed identity"),
        ("wrong", "", "status 403; set identity_header to the IDENTITY_HEADER"),
        // The system-assigned one, which the application does not trust.
        ("", "", "AADSTS700213 (subject); no federated credential of the app registration has the token's subject"),
    ] {
        let (tenant, _) = trusting_an_identity().await;
        let harness = with_identity(tenant, &[("identity_header", header), ("identity_client_id", id)]).await;
        let answer = harness.get_as("ada").await;
        answer.is(500, "server_misconfigured");
        assert!(!String::from_utf8_lossy(&answer.body).contains("identity"), "{answer:?}");
        let cause = cause(&harness, 1).await;
        assert!(cause.contains(words), "{words}: {cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_or_wrong_identity_endpoint_is_named() {
    for (endpoint, status, code, words) in [
        ("http://127.0.0.1:9", 503, "server_unavailable", "managed identity token: the connection failed"),
        ("authority_url", 500, "server_misconfigured", "status 404; set identity_endpoint to the IDENTITY_ENDPOINT"),
        ("http://127.0.0.1:9/msi/token", 500, "server_misconfigured", "identity_endpoint: has a path"),
    ] {
        let tenant = Tenant::start(tenant_options()).await.unwrap();
        let endpoint =
            if endpoint == "authority_url" { tenant.authority_url().to_owned() } else { endpoint.to_owned() };
        let variables = owned(&[
            ("client_credential", "managed_identity"),
            ("clientsecret", ""),
            ("identity_endpoint", &endpoint),
            ("identity_header", "header"),
        ]);
        let harness = Harness::with_tenant(tenant, ApiOptions { variables, ..ApiOptions::default() }).await;
        harness.get_as("ada").await.is(status, code);
        let cause = cause(&harness, 1).await;
        assert!(cause.contains(words), "{words}: {cause}");
    }
}
