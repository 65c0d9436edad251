//! What a run registers, and what it leaves as it is.

use cargo_dev::registration::Tools;
use serde_json::{Value, json};

use super::{API, APP, AZURE_CLI, GRAPH_ID, Scene};

#[tokio::test]
async fn a_first_run_registers_everything_and_a_second_changes_nothing() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let arguments = ["--vault", vault.as_str(), "--consent"];
    scene.run(&arguments).await.succeeds();
    let state = scene.state().await;
    let scope = &state["API"]["api"]["oauth2PermissionScopes"][0];
    // uuid5, with the namespace of Bicep's guid().
    assert_eq!(scope["id"], "a96277dd-b093-5310-b1c6-c1b1b226c2da");
    assert_eq!(state["API"]["identifierUris"], json!(["api://API"]));
    assert_eq!(state["API"]["api"]["requestedAccessTokenVersion"], 2);
    assert_eq!(state["API"]["api"]["knownClientApplications"], json!(["APP"]));
    let authorized = json!([{"appId": AZURE_CLI, "delegatedPermissionIds": [scope["id"]]}]);
    assert_eq!(state["API"]["api"]["preAuthorizedApplications"], authorized);
    assert_eq!(state["API"]["web"]["redirectUris"], json!(["http://localhost:3001/"]));
    let granted = json!([{"resourceId": "GRAPH", "scope": "User.Read", "consentType": "AllPrincipals"}]);
    assert_eq!(state["API"]["grants"], granted);
    let uris = json!(["http://localhost:3001/signin-callback", "http://localhost:3001/signed-out"]);
    assert_eq!(state["APP"]["web"]["redirectUris"], uris);
    assert_eq!(state["APP"]["requiredResourceAccess"][0]["resourceAppId"], "API");
    assert_eq!(state["APP"]["grants"].as_array().unwrap().len(), 2);
    assert_eq!((&state["API"]["count"], &state["APP"]["count"]), (&json!(1), &json!(1)));
    for (path, name) in [(API, "clientsecret"), (APP, "appclientsecret")] {
        assert_eq!(scene.authenticate(path, name).await.status, 200, "{name}");
    }
    assert_eq!(scene.vault_secret("sessionsecret").await.unwrap()["value"].as_str().unwrap().len(), 64);
    let files =
        || [scene.configuration("runtime-config.local.toml"), scene.configuration("app/runtime-config.local.toml")];
    let written = files();
    assert!(written[0].contains(&format!("client_id = \"{}\"", scene.client_id(API).await)), "{}", written[0]);
    assert!(written[1].contains(&format!("app_client_id = \"{}\"", scene.client_id(APP).await)), "{}", written[1]);
    assert!(written.iter().all(|text| text.contains(&format!("vault_url = \"{vault}\""))));

    scene.writes();
    let printed = scene.run(&arguments).await.succeeds();
    assert!(printed.contains("Nothing to change in directory and vault."), "{printed}");
    assert_eq!(scene.writes(), [""; 0]);
    assert_eq!((scene.state().await, files()), (state, written));
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_prints_what_a_run_sends() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let requests = |printed: &str| {
        let is_request =
            |line: &&str| ["PATCH ", "POST ", "PUT ", "DELETE "].iter().any(|method| line.starts_with(method));
        let without_ids = |line: &str| {
            let id = line.find('<').map_or(line.len(), |at| at);
            line.get(..id).unwrap().to_owned()
        };
        printed.lines().filter(is_request).map(without_ids).collect::<Vec<_>>()
    };
    let arguments = ["--vault", vault.as_str(), "--consent"];
    let dry = scene.run(&[&arguments[..], &["--dry-run"]].concat()).await.succeeds();
    assert_eq!(scene.writes(), [""; 0]);
    assert!(!scene.path("configuration").exists());
    assert!(dry.contains("    + displayName: \"profile-get API\"\n"), "{dry}");
    assert!(dry.contains("Nothing was changed."), "{dry}");
    let real = scene.run(&arguments).await.succeeds();
    let (dry, real) = (requests(&dry), requests(&real));
    assert_eq!(dry.len(), real.len(), "{dry:#?}\n{real:#?}");
    for (dry, real) in dry.iter().zip(&real) {
        assert!(real.starts_with(dry.as_str()), "{dry}\n{real}");
    }
    assert_eq!(scene.writes().len(), real.len());
    // What differs from what is there.
    let changed = scene.run(&["--vault", &vault, "--app-url", "https://app.example", "--dry-run"]).await.succeeds();
    assert!(changed.contains("    + web.redirectUris: \"https://app.example/signin-callback\"\n"), "{changed}");
    assert!(changed.contains("- app_url = \"http://localhost:3001\""), "{changed}");
    assert_eq!(scene.writes(), [""; 0]);
}

#[tokio::test]
async fn a_run_that_was_interrupted_anywhere_is_continued_by_the_next() {
    let complete = Scene::new().await;
    let arguments = |scene: &Scene| ["--vault".to_owned(), scene.tenant.vault_url().to_owned(), "--consent".to_owned()];
    let run = async |scene: &Scene, tools: &Tools| {
        let arguments = arguments(scene);
        scene.run_with(tools, &arguments.each_ref().map(String::as_str)).await
    };
    run(&complete, &complete.tools).await.succeeds();
    let count = complete.writes().len();
    let expected = complete.state().await;
    assert!(count > 10, "{count}");
    let scene = complete;
    for at in 0..count {
        scene.reset().await;
        let outcome = run(&scene, &scene.interrupted(at)).await;
        assert!(outcome.error.contains("no response from http://127.0.0.1"), "{at}: {}", outcome.error);
        run(&scene, &scene.tools).await.succeeds();
        assert_eq!(scene.state().await, expected, "{at}");
        for (path, name) in [(API, "clientsecret"), (APP, "appclientsecret")] {
            assert_eq!(scene.authenticate(path, name).await.status, 200, "{at} {name}");
        }
        scene.writes();
        run(&scene, &scene.tools).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{at}");
    }
}

#[tokio::test]
async fn half_finished_registrations_are_completed() {
    let scene = Scene::new().await;
    scene.run(&["--consent"]).await.succeeds();
    let expected = scene.state().await;
    let scope = &expected["API"]["api"]["oauth2PermissionScopes"][0];
    let named = |name: &str| json!({"displayName": format!("profile-get {name}")});
    let mut disabled = scope.clone();
    disabled["isEnabled"] = json!(false);
    for (what, of_api, of_app) in [
        ("only the API's name", named("API"), Value::Null),
        ("the app without the API", Value::Null, named("sign-in app")),
        ("both names", named("API"), named("sign-in app")),
        (
            "a disabled scope",
            json!({"displayName": "profile-get API", "api": {"oauth2PermissionScopes": [disabled]}}),
            Value::Null,
        ),
        (
            "tokens of version 1",
            json!({"displayName": "profile-get API", "api": {"requestedAccessTokenVersion": 1}}),
            Value::Null,
        ),
        (
            "one of two redirect URIs",
            Value::Null,
            json!({"displayName": "profile-get sign-in app", "web": {"redirectUris": ["http://localhost:3001/signin-callback"]}}),
        ),
    ] {
        scene.reset().await;
        for (path, body) in [(API, of_api), (APP, of_app)] {
            if !body.is_null() {
                assert_eq!(scene.graph().upsert(path, body).await.status, 201, "{what}");
            }
        }
        scene.run(&["--consent"]).await.succeeds();
        assert_eq!(scene.state().await, expected, "{what}");
        scene.writes();
        scene.run(&["--consent"]).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{what}");
    }
}

#[tokio::test]
async fn what_others_added_stays() {
    let scene = Scene::new().await;
    let scope_id = "5f0b6d0e-6a0b-4a5c-8a53-3f0f5c5f0a01";
    let scope = |id: &str, value: &str| json!({"id": id, "value": value, "adminConsentDisplayName": "theirs", "adminConsentDescription": "theirs"});
    let theirs = json!({
        "displayName": "Their name",
        "tags": ["theirs"],
        "api": {"oauth2PermissionScopes": [scope(scope_id, "user_impersonation"), scope(GRAPH_ID, "Other")]},
        "optionalClaims": {"idToken": [{"name": "email"}], "accessToken": [{"name": "acct"}]},
        "web": {"redirectUris": ["https://theirs.example/"]},
    });
    assert_eq!(scene.graph().upsert(API, theirs).await.status, 201);
    scene.run(&["--client", GRAPH_ID]).await.succeeds();
    let api = scene.state().await["API"].clone();
    assert_eq!((&api["displayName"], &api["tags"]), (&json!("Their name"), &json!(["theirs"])));
    let scopes = &api["api"]["oauth2PermissionScopes"];
    assert_eq!((&scopes[0]["adminConsentDescription"], &scopes[1]["value"]), (&json!("theirs"), &json!("Other")));
    assert_eq!(scopes.as_array().unwrap().len(), 2);
    assert_eq!(api["optionalClaims"]["idToken"][0]["name"], "email");
    let names = api["optionalClaims"]["accessToken"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["acct", "xms_cc", "idtyp"]);
    assert_eq!(api["web"]["redirectUris"], json!(["https://theirs.example/", "http://localhost:3001/"]));
    let authorized = |client: &str| json!({"appId": client, "delegatedPermissionIds": [scope_id]});
    assert_eq!(api["api"]["preAuthorizedApplications"], json!([authorized(AZURE_CLI), authorized(GRAPH_ID)]));
}

#[tokio::test]
async fn new_objects_are_waited_for() {
    let scene = Scene::new().await;
    scene.tenant.set_replication_lag(2);
    let vault = scene.tenant.vault_url().to_owned();
    scene.run(&["--vault", &vault, "--consent"]).await.succeeds();
    scene.tenant.set_replication_lag(0);
    for _ in 0..2 {
        scene.state().await;
    }
    let other = Scene::new().await;
    let vault = other.tenant.vault_url().to_owned();
    other.run(&["--vault", &vault, "--consent"]).await.succeeds();
    assert_eq!(scene.state().await, other.state().await);
    // Not for ever.
    let slow = Scene::new().await;
    slow.tenant.set_replication_lag(1000);
    let outcome = slow.run(&["--wait", "1"]).await;
    assert!(outcome.error.contains("run the command again; it continues where it stopped"), "{}", outcome.error);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let scene = Scene::new().await;
    let ada = scene.signed_in(scene.tenant.person("ada").unwrap());
    let vault = scene.tenant.vault_url().to_owned();
    // Members may register, but not consent for everyone.
    let outcome = scene.run_with(&ada, &["--consent"]).await;
    assert!(outcome.error.contains("Cloud Application Administrator"), "{}", outcome.error);
    assert!(outcome.error.contains("403 Authorization_RequestDenied"), "{}", outcome.error);
    assert!(outcome.error.starts_with("requests sent before: "), "{}", outcome.error);
    let printed = scene.run_with(&ada, &[]).await.succeeds();
    assert!(printed.contains(&format!("/{}/v2.0/adminconsent?client_id=", scene.tenant.tenant_id())), "{printed}");
    let outcome = scene.run_with(&ada, &["--vault", &vault, "--wait", "0"]).await;
    assert!(outcome.error.contains("Key Vault Secrets Officer"), "{}", outcome.error);
    // Another person's application.
    let theirs = Scene::new().await;
    theirs.run(&[]).await.succeeds();
    let ada = theirs.signed_in(theirs.tenant.person("ada").unwrap());
    let outcome = theirs.run_with(&ada, &["--app-url", "https://app.example"]).await;
    assert!(outcome.error.contains("become one of its owners"), "{}", outcome.error);
    for (az, curl, expected) in [
        ("no-such-program", "curl", "install the Azure CLI"),
        ("false", "curl", "`az cloud show` failed"),
        ("az", "no-such-program", "install curl"),
    ] {
        let az = if az == "az" { scene.tools.az.clone() } else { az.into() };
        let outcome = scene.run_with(&Tools { az, curl: curl.into() }, &[]).await;
        assert!(outcome.error.contains(expected), "{}", outcome.error);
    }
    scene.tenant.set_vault_secret("clientsecret", "disabled");
    scene.tenant.disable_vault_secret("clientsecret");
    let outcome = scene.run(&["--vault", &vault, "--wait", "1000"]).await;
    assert!(outcome.error.contains("the secret is disabled"), "{}", outcome.error);
    let outcome = scene.run(&["--tenant", "elsewhere.example"]).await;
    assert!(
        outcome.error.contains("az login --allow-no-subscriptions --tenant elsewhere.example"),
        "{}",
        outcome.error
    );
    let outcome = scene.run(&["--vault", "https://other.example"]).await;
    assert!(outcome.error.contains("is not a vault of this cloud"), "{}", outcome.error);
}
