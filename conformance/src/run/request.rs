//! Serialises requests.

use super::client::Client;
use crate::case::Framing;
use std::fmt::Write as _;

/// The parts of a request.
#[derive(Debug, Clone)]
pub(super) struct Parts<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: Option<&'a [u8]>,
    pub(super) framing: Framing,
    /// Whether the connection is kept open.
    pub(super) keeps: bool,
}

/// A serialised request. The body may have to wait.
#[derive(Debug, Clone)]
pub(super) struct Bytes {
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// Whether to wait for a 100 before sending the body.
    pub(super) waits: bool,
    pub(super) is_head: bool,
}

const CHUNK: usize = 40;
/// octez-client sends a single chunk, and splitting 4 MiB into 40-byte chunks would be slow.
const LARGE_CHUNK: usize = 16 * 1024;

impl Parts<'_> {
    pub(super) fn bytes(&self, client: &Client) -> Bytes {
        let mut head =
            format!("{} {}{} HTTP/1.1\r\nhost: {}\r\n", self.method, client.prefix(), self.path, client.authority());
        for (name, value) in self.headers.iter().copied().chain(client.headers()) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.keeps {
            head.push_str("connection: close\r\n");
        }
        let mut bytes = Vec::new();
        if let Some(body) = self.body {
            match self.framing {
                Framing::Length => {
                    let _ = write!(head, "content-length: {}\r\n", body.len());
                }
                Framing::Continue => {
                    let _ = write!(head, "content-length: {}\r\nexpect: 100-continue\r\n", body.len());
                }
                Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
            }
            bytes = if self.framing == Framing::Chunked { chunked(body) } else { body.to_vec() };
        }
        head.push_str("\r\n");
        Bytes {
            head: head.into_bytes(),
            body: bytes,
            waits: self.framing == Framing::Continue,
            is_head: self.method == "HEAD",
        }
    }
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let size = if body.len() > LARGE_CHUNK { LARGE_CHUNK } else { CHUNK };
    let mut bytes = Vec::with_capacity(body.len() * 2);
    for chunk in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}
