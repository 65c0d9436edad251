//! Secrets, certificates, federated credentials.

use std::fs;

use emulated_tenant::{CertificateFormat, ClientCertificate};
use serde_json::json;

use super::{API, Scene};

#[tokio::test]
async fn nothing_that_is_printed_or_written_has_a_secret() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let mut printed = scene.run(&["--vault", &vault]).await.succeeds();
    printed += &scene.run(&["--vault", &vault, "--rotate"]).await.succeeds();
    printed += &scene.configuration("runtime-config.local.toml");
    printed += &scene.configuration("app/runtime-config.local.toml");
    for name in ["clientsecret", "appclientsecret", "sessionsecret"] {
        let secret = scene.vault_secret(name).await.unwrap();
        assert!(!printed.contains(secret["value"].as_str().unwrap()), "{name}");
    }
    assert!(!printed.contains(&scene.tenant.azure_cli_vault_token(scene.tenant.administrator())[..20]));
}

#[tokio::test]
async fn secrets_are_replaced_on_request_or_when_they_no_longer_work() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let run = async |more: &[&str]| scene.run(&[&["--vault", vault.as_str(), "--no-app"], more].concat()).await;
    run(&[]).await.succeeds();
    let first = scene.vault_secret("clientsecret").await.unwrap();
    assert_eq!(first["tags"]["client-id"], scene.client_id(API).await.as_str());
    let keys = async || {
        let secrets = scene.graph().get(API).await.json()["passwordCredentials"].clone();
        secrets.as_array().unwrap().iter().map(|it| it["keyId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys().await, [first["tags"]["key-id"].as_str().unwrap()]);

    let printed = run(&["--rotate"]).await.succeeds();
    assert!(printed.contains("for up to ten minutes"), "{printed}");
    let second = scene.vault_secret("clientsecret").await.unwrap();
    assert_ne!(first["value"], second["value"]);
    // Instances still use the former one.
    scene.writes();
    let printed = run(&[]).await.succeeds();
    assert!(printed.contains("less than ten minutes ago"), "{printed}");
    assert_eq!((scene.writes(), keys().await.len()), (Vec::new(), 2));
    assert_eq!(scene.authenticate(API, "clientsecret").await.status, 200);

    // Ten minutes later they do not.
    scene.tenant.age_vault_secret("clientsecret", 601);
    run(&[]).await.succeeds();
    assert_eq!(keys().await, [second["tags"]["key-id"].as_str().unwrap()]);
    assert_eq!(scene.authenticate(API, "clientsecret").await.status, 200);
    scene.writes();
    run(&[]).await.succeeds();
    assert_eq!(scene.writes(), [""; 0]);

    // Someone removed the one in the vault.
    let object_id = scene.graph().get(API).await.json()["id"].as_str().unwrap().to_owned();
    let body = json!({"keyId": second["tags"]["key-id"]});
    assert_eq!(scene.graph().post(&format!("applications/{object_id}/removePassword"), body).await.status, 204);
    run(&[]).await.succeeds();
    assert_eq!(scene.authenticate(API, "clientsecret").await.status, 200);

    // It belongs to another registration, or to nobody known.
    let outcome = run(&["--name", "other"]).await;
    assert!(outcome.error.contains("choose another vault, or replace it with --rotate"), "{}", outcome.error);
    scene.tenant.set_vault_secret("clientsecret", "theirs");
    let printed = run(&[]).await.succeeds();
    assert!(printed.contains("was not written by this command"), "{printed}");
    assert_eq!(scene.vault_secret("clientsecret").await.unwrap()["value"], "theirs");
}

#[tokio::test]
async fn a_certificate_or_a_federated_credential_can_take_the_place_of_a_secret() {
    let scene = Scene::new().await;
    let certificate = ClientCertificate::generate().unwrap();
    let file = scene.path("certificate.pem");
    fs::write(&file, &certificate.certificate_pem).unwrap();
    let file = file.display().to_string();
    let issuer = scene.tenant.cluster_issuer().to_owned();
    let subject = "system:serviceaccount:default:profile-get";
    let vault = scene.tenant.vault_url().to_owned();
    let in_vault = ClientCertificate::generate().unwrap();
    for (arguments, certificates, federated) in [
        (vec!["--certificate", &file], 1, 0),
        (vec!["--federated", &issuer, subject], 1, 1),
        (vec!["--vault", &vault], 2, 1),
    ] {
        if arguments[0] == "--vault" {
            scene.tenant.set_vault_certificate("clientsecret", &*in_vault.bundle_pem, CertificateFormat::Pem);
        }
        scene.run(&[&["--no-app"], &arguments[..]].concat()).await.succeeds();
        let api = scene.graph().get(API).await.json();
        assert_eq!(api["keyCredentials"].as_array().unwrap().len(), certificates, "{arguments:?}");
        assert_eq!(api["passwordCredentials"], json!([]), "{arguments:?}");
        let path = format!("applications/{}/federatedIdentityCredentials", api["id"].as_str().unwrap());
        let trusts = scene.graph().get(&path).await.json()["value"].as_array().unwrap().clone();
        assert_eq!(trusts.len(), federated, "{arguments:?}");
        assert!(
            trusts
                .iter()
                .all(|it| it["audiences"] == json!(["api://AzureADTokenExchange"]) && it["subject"] == subject)
        );
        scene.writes();
        scene.run(&[&["--no-app", "--overwrite"], &arguments[..]].concat()).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{arguments:?}");
        let configuration = scene.configuration("runtime-config.local.toml");
        let expected = if arguments[0] == "--federated" { "token_file" } else { "clientsecret" };
        assert!(configuration.contains(&format!("client_credential = \"{expected}\"")), "{configuration}");
        assert_eq!(configuration.contains(&format!("\nvault_url = \"{vault}\"")), arguments[0] == "--vault");
    }
    scene.tenant.set_vault_certificate("clientsecret", "MII", CertificateFormat::Pkcs12);
    let outcome = scene.run(&["--no-app", "--vault", &vault]).await;
    assert!(outcome.error.contains("application/x-pem-file"), "{}", outcome.error);
    let outcome = scene.run(&["--no-app", "--certificate", "/nowhere.pem"]).await;
    assert!(outcome.error.contains("cannot read /nowhere.pem"), "{}", outcome.error);
}
