//! Wrong variables.

use emulated_tenant::{ClientCertificate, Endpoint, Service};

use crate::harness::Harness;

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_variable_is_named_in_the_log_and_none_to_the_caller() {
    let harness =
        Harness::with_variables(&[("client_id", " x"), ("required_scope", ""), ("allowed_origins", "*")]).await;
    let answer = harness.get_as("ada").await;
    answer.is(500, "server_misconfigured");
    let cause = harness.request_lines(1).await.remove(0)["cause"].as_str().unwrap().to_owned();
    for name in ["client_id", "required_scope", "allowed_origins"] {
        assert!(cause.contains(name), "{cause}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(name), "{answer:?}");
    }
    // Only the vault may be asked, to report a wrong secret with the other faults.
    assert_eq!((harness.count(Endpoint::OpenIdConfiguration), harness.asked(Service::Graph).len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_client_secret_is_never_sent() {
    // A version and a ContentInfo, the beginning of a PKCS#12 file.
    const BEGINNING_OF_PKCS12: &str = "MIIKAAIBAzCCCcAGCSqGSIb3DQEHAaCCCbAEggms";
    let bundle = ClientCertificate::generate().unwrap().bundle_pem;
    let (key, _) = bundle.split_once("-----END PRIVATE KEY-----").unwrap();
    let key: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    for (value, words) in [
        (format!("{BEGINNING_OF_PKCS12}{key}"), "application/x-pem-file"),
        (key, "DER"),
        (format!("{{\"value\": \"{}\"}}", "Abc8Q~0123456789-0123456789-0123456789"), "JSON"),
        ("@Microsoft.KeyVault(VaultName=vault;SecretName=clientsecret)".to_owned(), "reference"),
        (bundle.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "encrypted"),
    ] {
        let harness = Harness::start().await;
        harness.api.tenant.set_vault_secret("clientsecret", &value);
        harness.get_as("ada").await.is(500, "server_misconfigured");
        assert_eq!(harness.count(Endpoint::Token), 0, "{words}");
        let line = harness.request_lines(1).await.remove(0);
        let cause = line["cause"].as_str().unwrap();
        assert!(cause.contains("clientsecret") && cause.contains(words), "{cause}");
        let log = harness.api.server.settled_log_lines().await.join("\n");
        let parts = value.split_whitespace().filter(|part| part.len() > 20);
        assert!(parts.into_iter().all(|part| !log.contains(part)), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_used_as_openssl_prints_it() {
    let harness = Harness::start().await;
    let certificate = ClientCertificate::generate().unwrap();
    harness.api.tenant.register_certificate(&certificate.certificate_pem).unwrap();
    let (key, own) = certificate.bundle_pem.split_at(certificate.bundle_pem.find("-----BEGIN CERTIFICATE").unwrap());
    let other = ClientCertificate::generate().unwrap().certificate_pem;
    let printed = format!(
        "Bag Attributes\n    friendlyName: other\n{other}Bag Attributes\n{own}Key Attributes: <No Attributes>\n{key}"
    );
    harness.api.tenant.set_vault_secret("clientsecret", printed);
    assert_eq!(harness.get_as("ada").await.status, 200, "{:?}", harness.api.server.log_lines());
}
