//! TLS of outgoing connections: which authorities they trust.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, Result, ensure};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The environment variable that names a file of certificates to trust instead of the system's.
const SYSTEM_ROOTS: &str = "SSL_CERT_FILE";

/// A configuration that trusts the authorities of a `file` of PEM texts or, without one, the system's and Mozilla's.
///
/// `SSL_CERT_FILE` in `environment` replaces the system's. The configuration offers no application protocols.
pub(super) fn client_config(environment: &BTreeMap<String, String>, file: Option<&Path>) -> Result<ClientConfig> {
    let mut store = RootCertStore::empty();
    if let Some(file) = file {
        let place = || format!("cannot read certificates from {}", file.display());
        let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for certificate in certificates.with_context(place)? {
            store.add(certificate).with_context(place)?;
        }
    } else {
        let system = match environment.get(SYSTEM_ROOTS).map(Path::new) {
            Some(file) => rustls_native_certs::load_certs_from_paths(Some(file), None),
            None => rustls_native_certs::load_native_certs(),
        };
        // Some of the system's certificates may have forms that rustls does not support.
        store.add_parsable_certificates(system.certs);
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    ensure!(!store.is_empty(), "no authority is trusted: there is no certificate to read");
    // By name, since other packages of a build may choose another.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(store).with_no_client_auth())
}

/// The authorities that outbound calls trust, by component and host if `[[client_tls]]` has an entry for them.
#[derive(Clone)]
pub(super) struct ClientTls {
    default: Arc<ClientConfig>,
    by_component: BTreeMap<String, BTreeMap<String, Arc<ClientConfig>>>,
}

impl ClientTls {
    pub(super) fn new(environment: &BTreeMap<String, String>) -> Result<Self> {
        Ok(Self { default: for_http(client_config(environment, None)?), by_component: BTreeMap::new() })
    }

    /// Uses `config` for the calls of `components` to `hosts`, except for pairs with an earlier entry.
    pub(super) fn add(&mut self, components: &[String], hosts: &[String], config: ClientConfig) {
        let config = for_http(config);
        for component in components {
            let by_host = self.by_component.entry(component.clone()).or_default();
            for host in hosts {
                by_host.entry(host.clone()).or_insert_with(|| Arc::clone(&config));
            }
        }
    }

    /// The configuration for calls of `component` to `host`.
    pub(super) fn config(&self, component: &str, host: &str) -> &Arc<ClientConfig> {
        self.by_component.get(component).and_then(|hosts| hosts.get(host)).unwrap_or(&self.default)
    }
}

/// Offers HTTP/2, then HTTP/1.1 (RFC 7301).
fn for_http(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_for_a_component_and_host_counts() {
        let environment = BTreeMap::new();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let config = || client_config(&environment, None).unwrap();
        let mut tls = ClientTls::new(&environment).unwrap();
        tls.add(&names(&["one"]), &names(&["a", "b"]), config());
        let first = Arc::clone(tls.config("one", "a"));
        tls.add(&names(&["one", "two"]), &names(&["a"]), config());

        assert!(Arc::ptr_eq(tls.config("one", "a"), &first));
        assert!(Arc::ptr_eq(tls.config("one", "b"), &first));
        assert!(!Arc::ptr_eq(tls.config("two", "a"), &first));
        for (component, host) in [("two", "b"), ("three", "a"), ("one", "A")] {
            assert!(Arc::ptr_eq(tls.config(component, host), &tls.default), "{component} {host}");
        }
    }

    #[test]
    fn what_cannot_be_trusted_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for (file, expected) in [(Path::new("no-such.pem"), "no-such.pem"), (&empty, "no authority is trusted")] {
            let error = client_config(&BTreeMap::new(), Some(file)).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }
}
