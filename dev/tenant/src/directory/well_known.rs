//! Names and identifiers that are the same in every directory.

/// The directory that personal Microsoft accounts live in, the same for all of Entra.
pub(crate) const MICROSOFT_ACCOUNT_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The name of this cloud in metadata and key sets.
pub(crate) const CLOUD: &str = "microsoftonline.com";

/// Graph's Application ID URI.
pub(crate) const GRAPH: &str = "https://graph.microsoft.com";
/// Graph's client id, the same in every directory.
pub(crate) const GRAPH_CLIENT_ID: &str = "00000003-0000-0000-c000-000000000000";

/// The issuer of v1 tokens, on a host of its own in the real Entra too.
pub(crate) fn v1_issuer(tenant_id: &str) -> String {
    format!("https://sts.windows.net/{tenant_id}/")
}
