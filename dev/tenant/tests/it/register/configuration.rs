//! The files that a run writes.

use std::fs;

use super::Scene;

#[tokio::test]
async fn files_that_say_something_else_are_not_overwritten_silently() {
    let scene = Scene::new().await;
    scene.run(&["--no-app"]).await.succeeds();
    let file = scene.path("configuration").join("runtime-config.local.toml");
    let own = scene
        .configuration("runtime-config.local.toml")
        .replace("required_scope = \"user_impersonation\"", "required_scope = \"theirs\"");
    let theirs = own.replace(scene.tenant.tenant_id(), "organizations");
    assert!(theirs != own && own.contains("theirs"));
    fs::write(&file, &theirs).unwrap();
    let printed = scene.run(&["--no-app"]).await.succeeds();
    assert!(
        printed.contains("stays as it is without --overwrite") && printed.contains("- tenant_id = \"organizations\""),
        "{printed}"
    );
    assert_eq!(scene.configuration("runtime-config.local.toml"), theirs);
    scene.run(&["--no-app", "--overwrite"]).await.succeeds();
    assert_eq!(scene.configuration("runtime-config.local.toml"), own);
    let printed = scene.run(&["--no-app", "--print"]).await.succeeds();
    assert!(
        printed.contains(&format!("tenant_id = \"{}\"", scene.tenant.tenant_id())) && !printed.contains("PATCH"),
        "{printed}"
    );
}
