//! An HTTP client for one request a connection, as octez-client is one.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The function key that the host asks for; the signer itself neither reads nor logs it.
pub(crate) const FUNCTION_KEY: &str = "functionkeythatnobodymaysee";

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The signature of a signed payload.
    pub(crate) fn signature(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["signature"].as_str().unwrap().to_owned()
    }

    /// The message of the one error, of which the shape is checked.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        let [error] = json.as_array().unwrap().as_slice() else { panic!("{json}") };
        let fields: Vec<_> = error.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["id", "kind", "msg"], "octez refuses other fields");
        assert_eq!((&error["id"], &error["kind"]), (&"failure".into(), &"temporary".into()));
        error["msg"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: signer\r\nx-functions-key: {FUNCTION_KEY}\r\nconnection: close\r\n\r\n");
    send(address, request.as_bytes())
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &[u8]) -> io::Result<Answer> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: signer\r\nx-functions-key: {FUNCTION_KEY}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    send(address, &request)
}

/// Asks for a signature.
pub(crate) fn sign(address: SocketAddr, key: &str, payload: &[u8]) -> io::Result<Answer> {
    post(address, &format!("/keys/{key}"), format!("\"{}\"\n", hex::encode(payload)).as_bytes())
}

/// Sends these bytes and reads to the end of the connection.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut stream = connect(address)?;
    stream.write_all(request)?;
    read_answer(stream)
}

pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

/// Reads what is left on a connection, which must be one answer.
pub(crate) fn read_answer(mut stream: TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let unfinished = || io::Error::new(io::ErrorKind::UnexpectedEof, text.clone());
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(unfinished)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(unfinished)?;
    Ok(Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}
