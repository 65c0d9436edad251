//! The certificates that the servers present, and the authority that signed them: new in each run.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

use crate::{directory::certificate::pem, random};

/// The names under which clients on this machine reach the servers.
const NAMES: [&str; 2] = ["127.0.0.1", "localhost"];
const OTHER_NAME: &str = "other.example";

/// The certificates that the servers can present.
pub(crate) struct Tls {
    /// The certificate of the authority, for clients to trust.
    pub(crate) authority_pem: String,
    pub(crate) right: TlsAcceptor,
    /// It expired years ago.
    pub(crate) expired: TlsAcceptor,
    /// It is from an untrusted authority.
    pub(crate) foreign: TlsAcceptor,
    /// It is for another host.
    pub(crate) misnamed: TlsAcceptor,
}

impl Tls {
    pub(crate) fn generate() -> Result<Self> {
        let authority = Authority::generate()?;
        let names = NAMES.map(str::to_owned);
        let right = CertificateParams::new(names.clone())?;
        let mut expired = CertificateParams::new(names)?;
        (expired.not_before, expired.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
        let misnamed = CertificateParams::new([OTHER_NAME.to_owned()])?;
        Ok(Self {
            foreign: Authority::generate()?.acceptor(&right)?,
            right: authority.acceptor(&right)?,
            expired: authority.acceptor(&expired)?,
            misnamed: authority.acceptor(&misnamed)?,
            authority_pem: pem("CERTIFICATE", &authority.certificate)?,
        })
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

impl Authority {
    fn generate() -> Result<Self> {
        let key = KeyPair::generate().context("cannot make a key")?;
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // With one name for both authorities, clients would only notice the difference by the signature.
        let name = format!("Emulated authority {}, for development only", random::guid());
        parameters.distinguished_name.push(DnType::CommonName, name);
        let certificate = parameters.self_signed(&key).context("cannot make a certificate")?.der().clone();
        Ok(Self { issuer: Issuer::new(parameters, key), certificate })
    }

    /// Shows a certificate with these `parameters`, offers HTTP/2 and then HTTP/1.1 (RFC 7301).
    fn acceptor(&self, parameters: &CertificateParams) -> Result<TlsAcceptor> {
        let key = KeyPair::generate().context("cannot make a key")?;
        let certificate = parameters.signed_by(&key, &self.issuer).context("cannot make a certificate")?;
        // By name, since other packages of a build may choose another.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config).into())
    }
}
