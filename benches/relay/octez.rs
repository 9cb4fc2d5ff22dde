//! A baker that calls its signer as octez does: for each signature it reads the authorized keys, then requests the signature, each
//! over a new connection.

use crate::payloads;
use azurehsm_signer::tezos::payload::Kind;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use stand_ins::FunctionApp;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::http::{Connection, READ_TIMEOUT, request};

/// What the baker connects to.
pub(crate) trait Signer {
    type Stream: Read + Write;

    /// Opens a connection. Over TLS, the handshake is done with the first request.
    fn connect(&self) -> Connection<Self::Stream>;

    /// The value of `TEZOS_SIGNER_HTTP_HEADERS`, in addition to `host`.
    fn header(&self) -> String;
}

/// A relay on the baker's machine.
#[derive(Clone, Copy)]
pub(crate) struct OverLoopback(pub(crate) SocketAddr);

impl Signer for OverLoopback {
    type Stream = TcpStream;

    fn connect(&self) -> Connection {
        Connection::open(self.0).unwrap()
    }

    fn header(&self) -> String {
        "accept: */*".to_owned()
    }
}

/// A function app elsewhere.
#[derive(Clone)]
pub(crate) struct OverTls {
    address: SocketAddr,
    function_key: &'static str,
    config: Arc<ClientConfig>,
}

impl OverTls {
    /// octez resumes no sessions, so each connection takes a full handshake.
    pub(crate) fn new(app: &FunctionApp, function_key: &'static str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(app.authority_pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self { address: app.address(), function_key, config: Arc::new(config) }
    }
}

impl Signer for OverTls {
    type Stream = StreamOwned<ClientConnection, TcpStream>;

    fn connect(&self) -> Connection<Self::Stream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::from(self.address.ip());
        let tls = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        Connection::over(StreamOwned::new(tls, stream))
    }

    fn header(&self) -> String {
        format!("x-functions-key: {}", self.function_key)
    }
}

/// A baker with one key.
pub(crate) struct Octez<S> {
    signer: S,
    key: String,
    level: u32,
}

impl<S: Signer> Octez<S> {
    pub(crate) fn new(signer: S, key: &str) -> Self {
        Self { signer, key: key.to_owned(), level: 0 }
    }

    /// Attests so many levels, one after the other, and returns how long each signature took.
    pub(crate) fn vote(&mut self, times: u32) -> Vec<Duration> {
        (0..times).map(|_| self.attest()).collect()
    }

    fn attest(&mut self) -> Duration {
        self.level += 1;
        let body = format!("\"{}\"\n", hex::encode(payloads::payload(Kind::Attestation, self.level, 0, 0)));
        let start = Instant::now();
        self.call("GET", "/authorized_keys", "");
        self.call("POST", &format!("/keys/{}?version=3", self.key), &body);
        start.elapsed()
    }

    /// One write, so that no part of the request waits for an acknowledgement of another.
    fn call(&self, method: &str, path: &str, body: &str) {
        let header = self.signer.header();
        let request = request(method, path, &["host: localhost", "connection: close", &header], body);
        let mut connection = self.signer.connect();
        connection.write_all(request.as_bytes()).unwrap();
        connection.flush().unwrap();
        let answer = connection.read_answer().unwrap();
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
    }
}
