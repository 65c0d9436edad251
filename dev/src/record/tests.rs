//! Records the emulated tenant as if it were a real one.

use std::{collections::HashMap, os::unix::fs::PermissionsExt};

use emulated_tenant::{CertificateFormat, Endpoint, Tenant, TenantOptions, recording::NormalResponse};
use serde_json::json;
use tempfile::TempDir;

use super::{settings::Environment, *};

/// A tenant and the settings to record it.
struct Stage {
    tenant: Tenant,
    folder: TempDir,
}

impl Stage {
    async fn set() -> Self {
        let tenant = Tenant::start(TenantOptions::default()).await.unwrap();
        tenant.set_vault_secret("disabled", "a secret of the vault");
        tenant.disable_vault_secret("disabled");
        tenant.set_vault_certificate("certificate", "a secret of the vault", CertificateFormat::Pkcs12);
        Self { tenant, folder: tempfile::tempdir().unwrap() }
    }

    fn recordings(&self) -> PathBuf {
        let folder = self.folder.path().join("recordings");
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn settings(&self, domain: &str) -> Settings {
        let reader = self.tenant.vault_identity();
        let people = HashMap::from([
            ("ordinary", "ada"),
            ("without_photo", "pia"),
            ("personal", "paula"),
            ("blocked", "blake"),
            ("second_factor", "mona"),
            ("signed_out", "rex"),
            ("elsewhere", "cleo"),
        ]);
        let people: HashMap<_, _> = people.into_iter().map(|(role, name)| (role, self.signed_in(name))).collect();
        let text = toml::to_string(&json!({
            "tenant_id": self.tenant.tenant_id(),
            "domain": domain,
            "client_id": self.tenant.client_id(),
            "authority_host": self.tenant.authority_url(),
            "graph_url": self.tenant.graph_url(),
            "vault": {
                "url": self.tenant.vault_url(),
                "client_id": reader.client_id,
                "secret": "clientsecret",
                "disabled": "disabled",
                "certificate": "certificate",
            },
            "people": people,
        }));
        let expired = self.tenant.person("ada").unwrap();
        Settings::parse(&text.unwrap()).unwrap().in_environment(Environment {
            client_secret: Some(self.tenant.client_secret()),
            expired_client_secret: Some(self.tenant.add_expired_client_secret()),
            vault_client_secret: Some(reader.client_secret),
            expired_token: Some(self.tenant.access_token(expired, |plan| plan.expire())),
            az: Some(self.azure_cli().into()),
        })
    }

    /// The Azure CLI's configuration folder of a signed-in person.
    fn signed_in(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let token = self.tenant.access_token(self.tenant.person(name).unwrap(), |_| ());
        fs::write(folder.join("token.json"), json!({"accessToken": token, "tokenType": "Bearer"}).to_string()).unwrap();
        folder
    }

    /// A program that behaves like the Azure CLI.
    fn azure_cli(&self) -> PathBuf {
        let file = self.folder.path().join("az");
        let tenant_id = self.tenant.tenant_id();
        let scope = format!("api://{}/user_impersonation", self.tenant.client_id());
        let expected = format!("account get-access-token --output json --tenant {tenant_id} --scope {scope}");
        let script =
            format!("#!/bin/sh\n[ \"$*\" = '{expected}' ] && exec cat \"$AZURE_CONFIG_DIR/token.json\"\nexit 1\n");
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).unwrap();
        file
    }
}

async fn do_not_wait(_: &str) -> Result<()> {
    Ok(())
}

#[tokio::test]
async fn a_tenant_is_recorded_and_then_is_as_before() {
    let stage = Stage::set().await;
    let (settings, folder) = (stage.settings("emulated-tenant.example"), stage.recordings());
    let report = record(&settings, &folder, true, &do_not_wait).await.unwrap();
    assert!(report.failed.is_empty() && report.lacking.is_empty(), "{report:?}");
    assert!(report.written.iter().all(|(_, changes)| changes.is_none()));
    assert_eq!(Gaps::find(&folder).unwrap(), Gaps { missing: vec!["graph-throttled"], ..Gaps::default() });

    let texts: String =
        fs::read_dir(&folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    for name in [
        stage.tenant.tenant_id(),
        stage.tenant.client_id(),
        &stage.tenant.client_secret(),
        "emulated-tenant.example",
        "Ada",
    ] {
        assert!(!texts.contains(name), "{name} was recorded");
    }

    // The person whose sessions were revoked has to sign in again.
    let settings = stage.settings("emulated-tenant.example");
    let report = record(&settings, &folder, false, &do_not_wait).await.unwrap();
    let changed: Vec<_> = report.written.iter().filter(|(_, changes)| changes.as_deref() != Some(&[])).collect();
    assert!(report.failed.is_empty() && changed.is_empty(), "{changed:?} {:?}", report.failed);
}

#[test]
fn only_recordings_that_this_command_can_renew_grow_old() {
    let folder = tempfile::tempdir().unwrap();
    let normal = NormalResponse { status: 200, headers: Vec::new(), body: json!({}), server: None };
    let recording = Recording::new("graph.microsoft.com".to_owned(), normal);
    let of_2020 = Recording { recorded: "2020".to_owned(), ..recording };
    let public = Recording { source: "a public issue".to_owned(), ..of_2020.clone() };
    for (name, recording) in [("graph-me", of_2020), ("graph-photo", public)] {
        fs::write(folder.path().join(format!("{name}.json")), recording.to_json().unwrap()).unwrap();
    }
    let gaps = Gaps::find(folder.path()).unwrap();
    assert_eq!(gaps.second_hand, ["graph-photo"]);
    assert!(matches!(gaps.stale[..], [("graph-me", days)] if days > 2000), "{gaps:?}");
    assert_eq!(gaps.missing.len(), SCENARIOS.len() - 2);
}

#[tokio::test]
async fn nothing_is_sent_to_a_tenant_whose_domain_is_another() {
    let stage = Stage::set().await;
    for (domain, words) in
        [("other-tenant.example", "is not one of the tenant"), ("unknown.example", "knows no directory")]
    {
        stage.tenant.clear_requests();
        let error = record(&stage.settings(domain), &stage.recordings(), true, &do_not_wait).await.unwrap_err();
        assert!(format!("{error:#}").contains(words), "{error:#}");
        let requests = stage.tenant.requests();
        let endpoints: Vec<Endpoint> = requests.iter().map(|request| request.endpoint).collect();
        assert_eq!(endpoints, [Endpoint::OpenIdConfiguration], "{domain}");
        assert_eq!(requests[0].path(), format!("/{domain}/v2.0/.well-known/openid-configuration"));
        assert!(requests[0].header("authorization").is_none());
        assert_eq!(fs::read_dir(stage.recordings()).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn without_an_account_there_is_something_to_record() {
    let stage = Stage::set().await;
    let text = format!(
        "tenant_id = \"{}\"\ndomain = \"emulated-tenant.example\"\nauthority_host = \"{}\"\ngraph_url = \"{}\"\n",
        stage.tenant.tenant_id(),
        stage.tenant.authority_url(),
        stage.tenant.graph_url()
    );
    let settings = Settings::parse(&text).unwrap();
    let report = record(&settings, &stage.recordings(), false, &do_not_wait).await.unwrap();
    let written: Vec<&str> = report.written.iter().map(|(name, _)| *name).collect();
    assert!(written.contains(&"keys-common-v2") && written.contains(&"graph-without-token"), "{written:?}");
    let lacks = |name: &str| report.lacking.iter().find(|(lacking, _)| *lacking == name).unwrap().1.clone();
    assert_eq!(lacks("vault-without-token"), "a vault");
    assert_eq!(lacks("token-wrong-secret"), "the API's registration");
    assert_eq!(lacks("graph-me"), "a person who is `ordinary`");
    assert!(report.failed.is_empty(), "{:?}", report.failed);
}

#[tokio::test]
async fn a_token_that_the_azure_cli_does_not_give_is_an_error_that_names_the_person() {
    let stage = Stage::set().await;
    let mut environment = Environment { az: Some("/nonexistent/az".into()), ..Environment::default() };
    let settings = stage.settings("emulated-tenant.example").in_environment(environment);
    let error = format!("{:#}", record(&settings, &stage.recordings(), false, &do_not_wait).await.unwrap_err());
    assert!(error.contains("[people]") && error.contains("install the Azure CLI"), "{error}");
    environment = Environment { az: Some("false".into()), ..Environment::default() };
    let settings = stage.settings("emulated-tenant.example").in_environment(environment);
    let error = format!("{:#}", record(&settings, &stage.recordings(), false, &do_not_wait).await.unwrap_err());
    assert!(error.contains("gives no token"), "{error}");
}

#[test]
fn a_wrong_file_is_refused_with_what_to_write() {
    let directory = tempfile::tempdir().unwrap();
    let error = Settings::read(&directory.path().join("record.toml")).err().map(|error| format!("{error:#}")).unwrap();
    assert!(error.contains("record.toml") && error.contains("tenant_id = "), "{error}");

    let id = "11111111-2222-3333-4444-555555555555";
    let start = format!("tenant_id = \"{id}\"\ndomain = \"contoso.example\"\n");
    for (text, words) in [
        ("", "tenant_id"),
        ("tenant_id = \"contoso\"\ndomain = \"contoso.example\"", "tenant_id must be a GUID"),
        (&format!("tenant_id = \"{id}\"\ndomain = \"{id}\""), "domain must be"),
        (&format!("tenant_id = \"{id}\"\ndomain = \"common\""), "domain must be"),
        (&format!("{start}client_secret = \"x\""), "RECORD_CLIENT_SECRET"),
        (&format!("{start}client_id = \"x\""), "client_id must be a GUID"),
        (&format!("{start}graph_url = \"http://graph.example\""), "graph_url must be an https URL"),
        (&format!("{start}[vault]\nurl = \"https://v.example/secrets\""), "vault.url must be an https URL"),
        (&format!("{start}[people]\nking = \"\""), "\"king\" is not a role"),
    ] {
        let error = Settings::parse(text).err().map(|error| format!("{error:#}")).unwrap();
        assert!(error.contains(words), "{text}: {error}");
    }
}
