//! TLS to the outside, trusting the system's certificates.

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};

/// Adds TLS to `tcp` for `https` URLs; HTTP/2 where the server offers it.
///
/// A machine without certificates of its own gets Mozilla's.
pub(super) fn connector<T>(tcp: T) -> HttpsConnector<T> {
    HttpsConnectorBuilder::new()
        .with_native_roots()
        .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_webpki_roots())
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(tcp)
}
