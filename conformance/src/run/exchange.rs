//! Sends requests and reads their answers.

use super::client::{Client, ClientError, Connection, Response};
use super::request::{Bytes, Parts};
use crate::case::{Framing, Sign};
use crate::hexadecimal::Hex;

/// Sends a request on a new connection.
pub(super) fn once(client: &Client, parts: &Parts<'_>) -> Result<Response, ClientError> {
    let bytes = parts.bytes(client);
    let mut connection = client.connect()?;
    on(&mut connection, &bytes)
}

/// Sends a request on an open connection, and reads the answer.
pub(super) fn on(connection: &mut Connection, bytes: &Bytes) -> Result<Response, ClientError> {
    connection.send(&bytes.head)?;
    if bytes.waits {
        let first = connection.receive(bytes.is_head)?;
        // A server may reject the request without reading its body.
        if first.status != 100 {
            return Ok(first);
        }
    }
    // A server that answers early may close the connection: the answer counts, not the failed send.
    let sent = connection.send(&bytes.body);
    let mut answer = connection.receive(bytes.is_head);
    while answer.as_ref().is_ok_and(|answer| answer.status / 100 == 1) {
        answer = connection.receive(bytes.is_head);
    }
    match (answer, sent) {
        (Err(_), Err(error)) => Err(error),
        (answer, _) => answer,
    }
}

/// Requests a signature, as octez-client does.
pub(super) fn sign(client: &Client, hash: &str, payload: &Hex, sign: &Sign) -> Result<Response, ClientError> {
    let mut query: Vec<String> = Vec::new();
    query.extend(sign.authentication.as_ref().map(|signature| format!("authentication={signature}")));
    query.extend(sign.version.as_ref().map(|version| format!("version={version}")));
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let path = format!("/keys/{hash}{query}");
    let body = format!("\"{}\"\n", hex::encode(&payload.0));
    once(
        client,
        &Parts {
            method: "POST",
            path: &path,
            headers: vec![("content-type", "application/json")],
            body: Some(body.as_bytes()),
            framing: Framing::Length,
            keeps: false,
        },
    )
}

/// Sends a GET request.
pub(super) fn get(client: &Client, path: &str) -> Result<Response, ClientError> {
    once(
        client,
        &Parts { method: "GET", path, headers: Vec::new(), body: None, framing: Framing::Length, keeps: false },
    )
}
