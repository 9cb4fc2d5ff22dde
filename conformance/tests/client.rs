//! The runner's HTTP client, against a server that sends given bytes.

#![cfg(test)]

use conformance::run::{Client, ClientError, Response};
use std::io::{Read, Write};
use std::net::TcpListener;

/// What the client reads from these bytes.
fn received(bytes: &'static [u8], is_head: bool) -> Result<Response, ClientError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prefix/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(bytes).unwrap();
    });
    let client = Client::new(&url, &[]).unwrap();
    assert_eq!(client.prefix(), "/prefix");
    let mut connection = client.connect().unwrap();
    connection.send(b"x").unwrap();
    let answer = connection.receive(is_head);
    server.join().unwrap();
    answer
}

#[test]
fn bodies_end_according_to_their_framing() {
    for (bytes, is_head, status, body) in [
        (&b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}left over"[..], false, 200, "{}"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n3;x=y\r\ncde\r\n0\r\n\r\n",
            false,
            200,
            "abcde",
        ),
        (b"HTTP/1.1 409 Conflict\r\n\r\nuntil the end", false, 409, "until the end"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n", true, 200, ""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", false, 204, ""),
    ] {
        let answer = received(bytes, is_head).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (status, body));
    }
}

#[test]
fn malformed_answers_are_errors() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ] {
        assert!(received(bytes, false).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn invalid_addresses_are_explained() {
    for (url, why) in [
        ("127.0.0.1:6732", "relative URL without a base"),
        ("ftp://host", "neither http nor https"),
        ("http://host/?code=x", "drops the query"),
        ("http://", "empty host"),
    ] {
        let Err(ClientError::Url { why: came, .. }) = Client::new(url, &[]) else { panic!("{url}") };
        assert!(came.contains(why), "{url}: {came}");
    }
}
