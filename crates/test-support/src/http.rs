//! An HTTP/1.1 client for tests: it sends arbitrary bytes, and reads responses strictly by their framing.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Time limit of each read.
pub const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// A response.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// Body, without transfer encoding.
    pub body: String,
}

/// A connection, over TCP or something else.
#[derive(Debug)]
pub struct Connection<S = TcpStream>(BufReader<S>);

impl Answer {
    /// The value of a header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

#[allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a failed test panics"
)]
impl Answer {
    /// Parses the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The signature in the response to a sign request.
    pub fn signature(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["signature"].as_str().unwrap().to_owned()
    }

    /// The message of an error response, after checking its form.
    pub fn error(&self) -> String {
        let json = self.json();
        let [error] = json.as_array().unwrap().as_slice() else { panic!("{json}") };
        let fields: Vec<_> = error.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["id", "kind", "msg"], "octez rejects other fields");
        assert_eq!((&error["id"], &error["kind"]), (&"failure".into(), &"temporary".into()));
        error["msg"].as_str().unwrap().to_owned()
    }
}

impl Connection {
    /// Connects to an address.
    ///
    /// # Errors
    /// If the connection fails.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// Shuts down one direction, or both.
    ///
    /// # Errors
    /// If the connection has ended already.
    pub fn shutdown(&self, direction: Shutdown) -> io::Result<()> {
        self.0.get_ref().shutdown(direction)
    }
}

impl<S: Read> Connection<S> {
    /// Over this stream.
    pub fn over(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Reads the status line and headers of the next response.
    ///
    /// # Errors
    /// If the connection ends too early, or the response is not HTTP.
    pub fn read_head(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| Error::new(ErrorKind::InvalidData, line))?;
        let mut headers = BTreeMap::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        Ok(Answer { status, headers, body: String::new() })
    }

    /// Reads a chunk of a body; the last one is empty.
    ///
    /// # Errors
    /// If the connection ends too early, or this is not a chunk.
    pub fn read_chunk(&mut self) -> io::Result<String> {
        let length =
            usize::from_str_radix(&self.line()?, 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        let mut chunk = vec![0; length + 2];
        self.0.read_exact(&mut chunk)?;
        chunk.truncate(length);
        text(chunk)
    }

    /// Reads the next response; the connection can be used again.
    ///
    /// # Errors
    /// If the connection ends too early, or the response is not HTTP.
    pub fn read_answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.read_head()?;
        if answer.headers.contains_key("transfer-encoding") {
            loop {
                let chunk = self.read_chunk()?;
                if chunk.is_empty() {
                    break;
                }
                answer.body += &chunk;
            }
        } else if let Some(length) = answer.headers.get("content-length") {
            let length = length.parse().map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
            let mut body = vec![0; length];
            self.0.read_exact(&mut body)?;
            answer.body = text(body)?;
        }
        Ok(answer)
    }

    /// Reads the response to the last request on this connection, and then until the peer closes it.
    ///
    /// # Errors
    /// If the connection ends before the header does, or is not closed.
    pub fn read_to_close(&mut self) -> io::Result<Answer> {
        let mut answer = self.read_head()?;
        self.0.read_to_string(&mut answer.body)?;
        Ok(answer)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl<S: Write> Write for Connection<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}

impl<S: Read> Read for Connection<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// A request with these header lines, and a content length if it has a body.
pub fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    for header in headers {
        text.extend([header, "\r\n"]);
    }
    if !body.is_empty() {
        text.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    text + "\r\n" + body
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}
