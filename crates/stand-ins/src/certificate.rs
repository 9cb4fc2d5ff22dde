//! TLS certificates: every [`Azure`](crate::Azure) has its own certificate authority, and so have the other doubles.

use crate::client_certificate::AnyIssuer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// The host names of all services on loopback.
const NAMES: [&str; 4] = ["localhost", "*.vault.localhost", "*.managedhsm.localhost", "127.0.0.1"];

/// A certificate authority, and the TLS side of a service with a certificate issued by it.
pub(crate) struct Certificate {
    pub(crate) authority_pem: String,
    config: ServerConfig,
}

impl Certificate {
    /// For services on loopback, and others with these host names.
    pub(crate) fn make(others: impl Iterator<Item = String>) -> io::Result<Self> {
        Self::make_for(NAMES.into_iter().map(str::to_owned).chain(others).collect::<Vec<_>>(), false)
    }

    /// For a service with these host names and IP addresses, which may request a certificate of the client.
    pub(crate) fn make_for(names: impl Into<Vec<String>>, requests_client_certificate: bool) -> io::Result<Self> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "Stand-ins of Azure");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let authority = CertifiedIssuer::self_signed(authority, key).map_err(io::Error::other)?;

        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut service = CertificateParams::new(names).map_err(io::Error::other)?;
        service.distinguished_name.push(DnType::CommonName, "Stand-in of an Azure service");
        let certificate = service.signed_by(&key, &authority).map_err(io::Error::other)?;

        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let builder = if requests_client_certificate {
                    builder.with_client_cert_verifier(Arc::new(AnyIssuer::new()))
                } else {
                    builder.with_no_client_auth()
                };
                builder.with_single_cert(chain, key)
            })
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { authority_pem: authority.pem(), config })
    }

    /// Accepts TLS connections for a service; ALPN selects HTTP/2 or HTTP/1.1.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.config.clone()))
    }

    /// The same without HTTP/2.
    pub(crate) fn acceptor_of_http1(&self) -> TlsAcceptor {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}
