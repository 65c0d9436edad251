//! What the services permit, as they document it.

/// Microsoft Graph, for identity: resource units of one application in one tenant in ten seconds, by the number of its
/// people. `GET /me` counts as one.
/// <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits>
#[must_use]
pub fn graph_units(people: u32) -> f64 {
    match people {
        0..50 => 3_500.0,
        50..=500 => 5_000.0,
        _ => 8_000.0,
    }
}

/// The time that [`graph_units`] and [`VAULT_READS`] are counted in, in seconds.
pub const WINDOW: f64 = 10.0;

/// Key Vault: readings of secrets in one vault and region in ten seconds.
/// <https://learn.microsoft.com/azure/key-vault/general/service-limits#secrets-managed-storage-account-keys-and-vault-transactions>
pub const VAULT_READS: f64 = 4_000.0;

/// How often a new instance reads the vault: Spin to check the allowed hosts, and the component.
pub const READS_OF_AN_INSTANCE: f64 = 2.0;
