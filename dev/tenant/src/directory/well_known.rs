//! Names and identifiers that are the same in every directory.

/// The directory that personal Microsoft accounts live in, the same for all of Entra.
pub(crate) const MICROSOFT_ACCOUNT_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The name of this cloud in metadata and key sets.
pub(crate) const CLOUD: &str = "microsoftonline.com";

/// Graph's Application ID URI.
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
/// Graph's client id, the same in every directory.
pub(crate) const GRAPH_CLIENT_ID: &str = "00000003-0000-0000-c000-000000000000";

/// Key Vault's Application ID URI.
pub(crate) const KEY_VAULT: &str = "https://vault.azure.net";
/// Key Vault's client id.
pub(crate) const KEY_VAULT_CLIENT_ID: &str = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
/// The Azure CLI's client id.
pub(crate) const AZURE_CLI_CLIENT_ID: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// The audience of tokens that are exchanged for others, as federated credentials name it.
pub(crate) const TOKEN_EXCHANGE: &str = "api://AzureADTokenExchange";
/// The client id of the same audience.
pub(crate) const TOKEN_EXCHANGE_CLIENT_ID: &str = "fb60f99c-7a34-4190-8149-302f77469936";

/// The issuer of v1 tokens, on a host of its own in the real Entra too.
pub(crate) fn v1_issuer(tenant_id: &str) -> String {
    format!("https://sts.windows.net/{tenant_id}/")
}
