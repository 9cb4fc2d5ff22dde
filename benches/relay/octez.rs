//! A baker that calls its signer as octez does: for each signature it reads the authorized keys, then requests the signature, each
//! over a new connection.

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use stand_ins::FunctionApp;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::http::{Answer, Connection, READ_TIMEOUT, request};

/// What the baker connects to.
pub(crate) trait Signer {
    type Stream: Read + Write;

    /// Opens a connection. Over TLS, the handshake is done with the first request.
    fn connect(&self) -> io::Result<Connection<Self::Stream>>;

    /// The value of `TEZOS_SIGNER_HTTP_HEADERS`, in addition to `host`.
    fn header(&self) -> String;

    /// One request over a new connection. It is one write, so that no part of it waits for an acknowledgement of another.
    fn call(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        let header = self.header();
        let request = request(method, path, &["host: localhost", "connection: close", &header], body);
        let mut connection = self.connect()?;
        connection.write_all(request.as_bytes())?;
        connection.flush()?;
        connection.read_answer()
    }

    /// Requests a signature as octez does.
    fn sign(&self, key: &str, payload: &[u8]) -> io::Result<Answer> {
        let keys = self.call("GET", "/authorized_keys", "")?;
        if keys.status != 200 {
            return Ok(keys);
        }
        self.call("POST", &format!("/keys/{key}?version=3"), &format!("\"{}\"\n", hex::encode(payload)))
    }
}

/// A relay on the baker's machine.
#[derive(Clone, Copy)]
pub(crate) struct OverLoopback(pub(crate) SocketAddr);

impl Signer for OverLoopback {
    type Stream = TcpStream;

    fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.0)
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

    fn connect(&self) -> io::Result<Connection<Self::Stream>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(self.address.ip());
        let tls = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        Ok(Connection::over(StreamOwned::new(tls, stream)))
    }

    fn header(&self) -> String {
        format!("x-functions-key: {}", self.function_key)
    }
}

/// A baker that votes level by level.
pub(crate) struct Octez<S> {
    signer: S,
    keys: Vec<String>,
    attestation: fn(u32) -> Vec<u8>,
    level: u32,
}

impl<S: Signer> Octez<S> {
    /// A baker whose votes take the signatures of these keys, one after the other: a consensus key, and its companion, if any.
    pub(crate) fn new(signer: S, keys: &[String], attestation: fn(u32) -> Vec<u8>) -> Self {
        Self { signer, keys: keys.to_owned(), attestation, level: 0 }
    }

    /// Attests so many levels, one after the other, and returns how long each vote took.
    pub(crate) fn vote(&mut self, times: u32) -> Vec<Duration> {
        (0..times).map(|_| self.attest()).collect()
    }

    fn attest(&mut self) -> Duration {
        self.level += 1;
        let payload = (self.attestation)(self.level);
        let start = Instant::now();
        for key in &self.keys {
            let answer = self.signer.sign(key, &payload).unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        start.elapsed()
    }
}
