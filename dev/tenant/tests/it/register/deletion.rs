//! `--delete`, and what was deleted elsewhere.

use serde_json::json;

use super::{API, APP, Scene};

#[tokio::test]
async fn deletion_undoes_a_registration_and_can_be_repeated() {
    let scene = Scene::new().await;
    let vault = scene.tenant.vault_url().to_owned();
    let arguments = ["--vault", vault.as_str(), "--consent"];
    let delete = ["--vault", vault.as_str(), "--delete"];
    scene.run(&arguments).await.succeeds();
    let first = scene.state().await;
    scene.writes();
    let dry = scene.run(&[&delete[..], &["--dry-run"]].concat()).await.succeeds();
    assert_eq!((scene.writes(), scene.state().await), (Vec::new(), first.clone()));
    let printed = scene.run(&delete).await.succeeds();
    assert_eq!(
        dry.lines().filter(|line| line.starts_with("DELETE ")).count(),
        scene.writes().len(),
        "{dry}\n{printed}"
    );
    for path in [API, APP] {
        assert_eq!(scene.graph().get(path).await.status, 404);
    }
    for name in ["clientsecret", "appclientsecret", "sessionsecret"] {
        assert!(scene.vault_secret(name).await.is_none(), "{name}");
    }
    let printed = scene.run(&delete).await.succeeds();
    assert!(printed.contains("Nothing to change in directory and vault."), "{printed}");
    assert_eq!(scene.writes(), [""; 0]);
    // And registered once more, though the vault keeps deleted secrets.
    scene.run(&[&arguments[..], &["--overwrite"]].concat()).await.succeeds();
    assert_eq!(scene.state().await, first);
    for (path, name) in [(API, "clientsecret"), (APP, "appclientsecret")] {
        assert_eq!(scene.authenticate(path, name).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_anywhere_is_continued_by_the_next() {
    let complete = Scene::new().await;
    complete.run(&["--vault", complete.tenant.vault_url()]).await.succeeds();
    complete.writes();
    complete.run(&["--vault", complete.tenant.vault_url(), "--delete"]).await.succeeds();
    let count = complete.writes().len();
    let scene = complete;
    let vault = scene.tenant.vault_url().to_owned();
    for at in 0..count {
        scene.reset().await;
        scene.run(&["--vault", &vault]).await.succeeds();
        let delete = ["--vault", vault.as_str(), "--delete"];
        // What remains among the deleted ones is reported, and no error.
        scene.run_with(&scene.interrupted(at), &delete).await;
        scene.run(&delete).await.succeeds();
        let deleted = scene.graph().get("directory/deletedItems/microsoft.graph.application").await.json();
        assert_eq!(deleted["value"], json!([]), "{at}");
        for name in ["clientsecret", "appclientsecret", "sessionsecret"] {
            assert!(scene.vault_secret(name).await.is_none(), "{at} {name}");
        }
        scene.writes();
        scene.run(&delete).await.succeeds();
        assert_eq!(scene.writes(), [""; 0], "{at}");
    }
}

#[tokio::test]
async fn an_application_that_was_deleted_elsewhere_is_restored() {
    let scene = Scene::new().await;
    scene.run(&[]).await.succeeds();
    let first = scene.state().await;
    let client_id = scene.client_id(API).await;
    let object_id = scene.graph().get(API).await.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(scene.graph().delete(&format!("applications/{object_id}")).await.status, 204);
    scene.run(&[]).await.succeeds();
    assert_eq!((scene.client_id(API).await, scene.state().await), (client_id, first));
}
