//! Requests to the signer: one per connection, like octez-client, or several, like a relay.

use std::io::{self, Write};
use std::net::SocketAddr;
pub(crate) use test_support::http::{Answer, Connection, request};

/// The function key that the host requires; the signer itself neither reads nor logs it.
pub(crate) const FUNCTION_KEY: &str = "functionkeythatnobodymaysee";

pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    send(address, request("GET", path, &[&headers(), "connection: close"], "").as_bytes())
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &[u8]) -> io::Result<Answer> {
    let length = format!("content-length: {}", body.len());
    let headers = [&headers(), "connection: close", "content-type: application/json", &length];
    send(address, &[request("POST", path, &headers, "").as_bytes(), body].concat())
}

/// Requests a signature.
pub(crate) fn sign(address: SocketAddr, key: &str, payload: &[u8]) -> io::Result<Answer> {
    post(address, &format!("/keys/{key}"), format!("\"{}\"\n", hex::encode(payload)).as_bytes())
}

/// The bytes of a request for a signature, for a persistent connection.
pub(crate) fn sign_request(key: &str, payload: &[u8]) -> String {
    request("POST", &format!("/keys/{key}"), &[&headers()], &format!("\"{}\"", hex::encode(payload)))
}

/// Sends these bytes, and reads until the connection is closed.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> io::Result<Answer> {
    let mut connection = connect(address)?;
    connection.write_all(request)?;
    read_answer(connection)
}

pub(crate) fn connect(address: SocketAddr) -> io::Result<Connection> {
    Connection::open(address)
}

/// Reads the rest of a connection, which must be one answer.
pub(crate) fn read_answer(mut connection: Connection) -> io::Result<Answer> {
    connection.read_to_close()
}

fn headers() -> String {
    format!("host: signer\r\nx-functions-key: {FUNCTION_KEY}")
}
