//! Undoing a registration.

use anyhow::Result;

use super::{
    application::{Application, DELETED, find_deleted},
    refusal::Purpose,
    session::{Change, Service},
    vault::Vault,
};

/// Permanently deletes the application with this unique name, its service principal and its consents: a deleted
/// application keeps its name for 30 days. Before that, deletes those of `secrets` that this command put into the vault
/// for it.
///
/// # Errors
/// If a service refuses that. If only the last step is refused, the application stays among the deleted ones, and the
/// report says so.
pub(crate) async fn remove(
    graph: &Service<'_>,
    vault: Option<&Vault<'_>>,
    unique_name: &str,
    secrets: &[&str],
) -> Result<()> {
    let application = Application::find(graph, unique_name).await?;
    let object_id = match &application {
        Some(application) => {
            if let Some(vault) = vault {
                remove_secrets(vault, application, secrets).await?;
            }
            let delete = Change {
                method: "DELETE",
                path: application.path(),
                lines: vec![format!("- {unique_name}")],
                ..Change::default()
            };
            graph.change(Purpose::Register, delete).await?;
            application.object_id.clone()
        }
        None => match find_deleted(graph, unique_name).await? {
            Some(object_id) => object_id,
            None => return Ok(()),
        },
    };
    let purge = Change {
        method: "DELETE",
        path: format!("{DELETED}/{object_id}"),
        lines: vec![format!("- {unique_name}, permanently")],
        // It gets there a little later.
        is_about_new: application.is_some(),
        ..Change::default()
    };
    if let Err(refusal) = graph.change(Purpose::DeletedItems, purge).await {
        graph.session.report(&format!(
            "{unique_name} stays among the deleted applications for 30 days; registering it again restores it.\n{refusal:#}"
        ))?;
    }
    Ok(())
}

async fn remove_secrets(vault: &Vault<'_>, application: &Application, secrets: &[&str]) -> Result<()> {
    for name in secrets {
        let stored = vault.get(name).await?;
        if stored.is_some_and(|stored| stored.client_id.as_ref() == Some(&application.client_id)) {
            vault.delete(name).await?;
        }
    }
    Ok(())
}
