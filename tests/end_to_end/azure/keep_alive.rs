//! An HTTP client that keeps its connection, as a relay does. Question and answer are two steps, so that several can be
//! under way.

use crate::support::http::FUNCTION_KEY;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) struct KeepAlive(BufReader<TcpStream>);

impl KeepAlive {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(BufReader::new(stream))
    }

    /// Asks for a signature.
    pub(crate) fn ask(&mut self, key: &str, payload: &[u8]) {
        let body = format!("\"{}\"", hex::encode(payload));
        let head = format!(
            "POST /keys/{key} HTTP/1.1\r\nhost: signer\r\nx-functions-key: {FUNCTION_KEY}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + &body).as_bytes()).unwrap();
    }

    /// The status and the body of the next answer.
    pub(crate) fn answer(&mut self) -> (u16, String) {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("{line:?} is no answer"));
        let mut length = 0;
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}
