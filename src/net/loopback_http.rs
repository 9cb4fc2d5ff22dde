//! Calls of another process on this machine whose answers are secret: the only buffer that holds one is wiped.
//!
//! HTTP clients keep parts of an answer in buffers that they do not wipe. So this is a client of its own, for one call per connection:
//! HTTP/1.0, in which an answer is not chunked and ends with the connection.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// The longest answer, in bytes.
const MAX_ANSWER: usize = 65536;

/// Never longer in practice; more are an error.
const MAX_HEADERS: usize = 32;

/// An answer, which is wiped when it is dropped.
pub(crate) struct SecretAnswer {
    status: u16,
    bytes: Zeroizing<Vec<u8>>,
    body: usize,
}

impl SecretAnswer {
    /// The status.
    pub(crate) const fn status(&self) -> u16 {
        self.status
    }

    /// The body.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.body..).unwrap_or_default()
    }
}

/// Posts JSON to the first of these addresses that accepts a connection.
///
/// # Errors
/// If no answer, or no complete one, is received. The caller has the deadline.
pub(crate) async fn post(addresses: &[SocketAddr], path: &str, body: &str) -> io::Result<SecretAnswer> {
    let mut stream = TcpStream::connect(addresses).await?;
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    // Never grows, since that would leave a copy behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_ANSWER + 1]);
    let mut filled = 0;
    while let Some(free) = bytes.get_mut(filled..).filter(|free| !free.is_empty()) {
        match stream.read(free).await? {
            0 => break,
            more => filled += more,
        }
    }
    if filled > MAX_ANSWER {
        return Err(io::Error::other(format!("the answer is longer than {MAX_ANSWER} bytes")));
    }
    bytes.truncate(filled);
    parse(bytes)
}

fn parse(bytes: Zeroizing<Vec<u8>>) -> io::Result<SecretAnswer> {
    const NOT_HTTP: &str = "the answer is not HTTP, or not complete";
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(body)) = response.parse(&bytes) else { return Err(io::Error::other(NOT_HTTP)) };
    let header = |name: &str| {
        let mut headers = response.headers.iter();
        headers.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let length = header("content-length").map(|value| std::str::from_utf8(value).ok()?.parse::<usize>().ok());
    let is_whole = length.is_none_or(|length| length == Some(bytes.len() - body));
    let (Some(status), None, true) = (response.code, header("transfer-encoding"), is_whole) else {
        return Err(io::Error::other(NOT_HTTP));
    };
    Ok(SecretAnswer { status, bytes, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_and_not_chunked() {
        for (answer, expected) in [
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", Some((200, "{}"))),
            ("HTTP/1.1 403 Forbidden\r\nDate: now\r\n\r\n", Some((403, ""))),
            ("HTTP/1.0 200 OK\r\n\r\n{}", Some((200, "{}"))),
            ("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}", None),
            ("HTTP/1.0 200 OK\r\ncontent-length: two\r\n\r\n{}", None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", None),
            ("HTTP/1.0 200 OK\r\nContent-Le", None),
            ("{}", None),
            ("", None),
        ] {
            let parsed = parse(Zeroizing::new(answer.as_bytes().to_vec())).ok();
            let parsed = parsed.as_ref().map(|answer| (answer.status(), std::str::from_utf8(answer.body()).unwrap()));
            assert_eq!(parsed, expected, "{answer}");
        }
    }
}
