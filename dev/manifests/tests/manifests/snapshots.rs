//! What `kubectl kustomize` makes of each overlay.

use deployment_manifests::kustomize::{OVERLAYS, is_installed, render};

#[tokio::test]
async fn each_overlay_renders_as_recorded() {
    if !is_installed().await {
        return eprintln!("skipped: kubectl is not installed");
    }
    for overlay in OVERLAYS {
        let name = overlay.rsplit('/').next().unwrap();
        insta::assert_snapshot!(name, render(overlay).await.unwrap());
    }
}
