//! A minimal HTTP client for one signer, which can send arbitrary bytes.

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use url::Url;

/// How long to wait for an answer. A signer answers within seconds, or the baker's slot is over.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one signer. Unlike HTTP libraries, it can send malformed requests.
#[derive(Clone)]
pub struct Client {
    host: String,
    port: u16,
    /// Prefix of all paths, without a trailing slash.
    prefix: String,
    headers: Vec<(String, String)>,
    tls: Option<Arc<ClientConfig>>,
}

/// Why a request failed.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The address is invalid.
    #[error("invalid signer address {url:?}: {why}; expected http[s]://host[:port][/prefix]")]
    Url {
        /// The given address.
        url: String,
        /// The cause.
        why: String,
    },
    /// The system's certificates cannot be read.
    #[error("cannot load the certificate authorities for https: {0}")]
    Certificates(String),
    /// Connecting failed, or the connection broke.
    #[error("{0}")]
    Connection(#[from] io::Error),
    /// The answer is not HTTP.
    #[error("the answer is not HTTP: {0}")]
    NotHttp(String),
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Headers: lower-case names, and values.
    pub headers: Vec<(String, String)>,
    /// Body, with chunks joined.
    pub body: Vec<u8>,
}

/// A connection, with or without TLS.
pub struct Connection {
    stream: Box<dyn Stream>,
    /// Bytes that have been read and not yet parsed.
    read: Vec<u8>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Client {
    /// A client of the signer at `http[s]://host[:port][/prefix]`, which sends these headers with every request.
    ///
    /// # Errors
    /// [`ClientError`] if the address is invalid, or there are no certificates for https.
    pub fn new(url: &str, headers: &[(String, String)]) -> Result<Self, ClientError> {
        let wrong = |why: String| ClientError::Url { url: url.to_owned(), why };
        let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        let tls = match parsed.scheme() {
            "http" => None,
            "https" => Some(tls()?),
            other => return Err(wrong(format!("{other} is neither http nor https"))),
        };
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(wrong("octez-client drops the query and the fragment".to_owned()));
        }
        let host = parsed.host_str().ok_or_else(|| wrong("it has no host".to_owned()))?.to_owned();
        let port = parsed.port_or_known_default().ok_or_else(|| wrong("it has no port".to_owned()))?;
        let prefix = parsed.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port, prefix, headers: headers.to_vec(), tls })
    }

    /// Prefix of all paths.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Headers that are sent with every request in addition to its own.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Value of the `host` header.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// [`ClientError::Connection`] if that fails.
    pub fn connect(&self) -> Result<Connection, ClientError> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{host} does not resolve"));
        for address in (host, self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, ANSWER_TIMEOUT) {
                Ok(stream) => return self.over(stream),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    fn over(&self, stream: TcpStream) -> Result<Connection, ClientError> {
        stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from(self.host.clone())
                    .map_err(|error| ClientError::Url { url: self.host.clone(), why: error.to_string() })?;
                let session = ClientConnection::new(Arc::clone(config), name)
                    .map_err(|error| ClientError::Certificates(error.to_string()))?;
                Box::new(StreamOwned::new(session, stream))
            }
        };
        Ok(Connection { stream, read: Vec::new() })
    }
}

fn tls() -> Result<Arc<ClientConfig>, ClientError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(ClientError::Certificates(why.join("; ")));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Certificates(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Connection {
    /// Sends bytes.
    ///
    /// # Errors
    /// [`ClientError::Connection`] if that fails.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.stream.write_all(bytes)?;
        self.stream.flush()?;
        Ok(())
    }

    /// Reads the next answer. An answer to `HEAD` has no body, no matter what its headers say.
    ///
    /// # Errors
    /// [`ClientError`] if the connection ends too early, or the answer is not HTTP.
    pub fn receive(&mut self, is_head: bool) -> Result<Response, ClientError> {
        let (status, headers) = loop {
            if let Some(head) = self.head()? {
                break head;
            }
            self.read_more()?;
        };
        let value_of = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let length = value_of("content-length")
            .map(|text| text.parse::<usize>().map_err(|_| ClientError::NotHttp(format!("content-length {text:?}"))));
        let is_chunked = value_of("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let body = if is_head || status / 100 == 1 || status == 204 || status == 304 {
            Vec::new()
        } else if is_chunked {
            self.chunks()?
        } else if let Some(length) = length {
            self.exactly(length?)?
        } else {
            self.until_the_end()?
        };
        Ok(Response { status, headers, body })
    }

    /// Parses and consumes the status line and headers, if they are complete.
    fn head(&mut self) -> Result<Option<Head>, ClientError> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&self.read) {
            Ok(httparse::Status::Partial) => Ok(None),
            Err(error) => {
                let beginning: Vec<u8> = self.read.iter().copied().take(40).collect();
                Err(ClientError::NotHttp(format!("{error}: {:?}", String::from_utf8_lossy(&beginning))))
            }
            Ok(httparse::Status::Complete(length)) => {
                let text = |header: &httparse::Header<'_>| {
                    (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
                };
                let head = (response.code.unwrap_or(0), response.headers.iter().map(text).collect());
                self.read.drain(..length);
                Ok(Some(head))
            }
        }
    }

    fn read_more(&mut self) -> Result<(), ClientError> {
        let mut buffer = [0; 16 * 1024];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the connection ended before the answer was complete",
            )
            .into());
        }
        self.read.extend(buffer.iter().take(count));
        Ok(())
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, ClientError> {
        while self.read.len() < length {
            self.read_more()?;
        }
        Ok(self.read.drain(..length).collect())
    }

    fn chunks(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        loop {
            let size = self.line()?;
            let digits = size.split(';').next().unwrap_or_default().trim();
            let size =
                usize::from_str_radix(digits, 16).map_err(|_| ClientError::NotHttp(format!("chunk size {size:?}")))?;
            body.extend(self.exactly(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// A line, without its terminator.
    fn line(&mut self) -> Result<String, ClientError> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            self.read_more()?;
        }
    }

    fn until_the_end(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut body = std::mem::take(&mut self.read);
        self.stream.read_to_end(&mut body)?;
        Ok(body)
    }
}

type Head = (u16, Vec<(String, String)>);

impl Response {
    /// The body as text, for display.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }
}
