//! Client certificates as App Service treats them: clients must hold the private key, and any issuer will do.

use ::aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::io;

/// The certificate that a client has presented on a connection, in DER; an extension of its requests.
#[derive(Debug, Clone)]
pub(crate) struct ClientCertificate(pub(crate) Vec<u8>);

/// Accepts a certificate of any issuer.
#[derive(Debug)]
pub(crate) struct AnyIssuer(WebPkiSupportedAlgorithms);

impl AnyIssuer {
    pub(crate) fn new() -> Self {
        Self(aws_lc_rs::default_provider().signature_verification_algorithms)
    }
}

impl ClientCertVerifier for AnyIssuer {
    fn client_auth_mandatory(&self) -> bool {
        // A client without a certificate gets an HTTP response.
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// A private key, and a certificate that it has signed itself.
#[derive(Debug, Clone)]
pub struct KeyAndCertificate {
    /// The certificate, in PEM.
    pub certificate_pem: String,
    /// The private key, in PEM.
    pub key_pem: String,
    /// The certificate, in DER.
    pub certificate: Vec<u8>,
    /// The public key, without its algorithm.
    pub public_key: Vec<u8>,
}

impl KeyAndCertificate {
    /// With a P-256 key, valid until the end of this year.
    ///
    /// # Errors
    /// If the certificate cannot be created.
    pub fn generate(last_year: i32) -> io::Result<Self> {
        Self::with(&KeyPair::generate().map_err(io::Error::other)?, last_year)
    }

    /// The same, with an RSA key of 2048 bits.
    ///
    /// # Errors
    /// If the certificate cannot be created.
    pub fn generate_rsa(last_year: i32) -> io::Result<Self> {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(io::Error::other)?;
        Self::with(&key, last_year)
    }

    fn with(key: &KeyPair, last_year: i32) -> io::Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "Relay");
        parameters.not_after = date_time_ymd(last_year, 12, 31);
        let certificate = parameters.self_signed(key).map_err(io::Error::other)?;
        Ok(Self {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate: certificate.der().to_vec(),
            public_key: key.public_key_raw().to_vec(),
        })
    }

    /// The SHA-256 digest of the certificate, in hexadecimal.
    pub fn thumbprint(&self) -> String {
        hex::encode(digest(&SHA256, &self.certificate))
    }

    /// The SHA-1 digest of the certificate, in hexadecimal.
    pub fn sha_1_thumbprint(&self) -> String {
        hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.certificate))
    }
}
