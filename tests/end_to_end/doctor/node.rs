//! A Tezos node with the RPCs that `doctor` calls.

use azure_core::time::{Duration, OffsetDateTime, to_rfc3339, to_rfc7231};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};

pub(crate) const MAINNET: &str = "NetXdQprcVkpaWU";
pub(crate) const OTHER_CHAIN: &str = "NetXnHfVqm9iesp";

#[derive(Debug, Clone, Copy)]
pub(crate) struct Says {
    pub(crate) chain: &'static str,
    pub(crate) level: u32,
    /// The age of its head in seconds.
    pub(crate) age: i64,
    pub(crate) sync_state: &'static str,
    /// How many seconds its clock is behind.
    pub(crate) behind: i64,
    /// Whether it answers at all.
    pub(crate) answers: bool,
    /// Whether all RPCs are allowed.
    pub(crate) is_open: bool,
    /// Responses about the head, by the path after it; before [`HEAD`].
    pub(crate) head: &'static [(&'static str, &'static str)],
}

impl Default for Says {
    fn default() -> Self {
        Self {
            chain: MAINNET,
            level: 1000,
            age: 5,
            sync_state: "synced",
            behind: 0,
            answers: true,
            is_open: true,
            head: &[],
        }
    }
}

/// Responses about the head of a chain without delegates.
const HEAD: [(&str, &str); 4] = [
    ("/helpers/current_level", r#"{"level": 1000, "cycle": 100, "cycle_position": 3}"#),
    (
        "/protocols",
        r#"{"protocol": "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY", "next_protocol": "PsUshuai9QapM5TGj1JpuVGkdxz5GykdnEvS6Rh8SUVrARvZLCY"}"#,
    ),
    ("/votes/current_proposal", "null"),
    ("/helpers/attestation_rights", "[]"),
];

/// Starts a node on a thread that runs until the test ends.
pub(crate) fn start(says: Says) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            if says.answers {
                std::thread::spawn(move || answer(stream, says));
            } else {
                silent.push(stream);
            }
        }
    });
    address
}

pub(crate) fn url(says: Says) -> String {
    format!("http://{}", start(says))
}

fn answer(mut stream: std::net::TcpStream, says: Says) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().and_then(Result::ok).unwrap_or_default();
    while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
    let now = OffsetDateTime::now_utc();
    let (status, body) = if request.contains("/chains/main/chain_id") {
        ("200 OK", format!("\"{}\"\n", says.chain))
    } else if request.contains("/chains/main/blocks/head/header/shell") {
        let time = to_rfc3339(&(now - Duration::seconds(says.age)));
        ("200 OK", format!("{{\"level\":{},\"proto\":1,\"timestamp\":\"{time}\",\"fitness\":[\"02\"]}}\n", says.level))
    } else if request.contains("/chains/main/is_bootstrapped") && says.is_open {
        let bootstrapped = says.sync_state == "synced";
        ("200 OK", format!("{{\"bootstrapped\":{bootstrapped},\"sync_state\":\"{}\"}}\n", says.sync_state))
    } else if let Some(path) = about_head(&request).filter(|_| says.is_open) {
        match says.head.iter().chain(&HEAD).find(|(known, _)| *known == path) {
            Some((_, body)) => ("200 OK", (*body).to_owned()),
            None => ("404 Not Found", String::new()),
        }
    } else {
        ("401 Unauthorized", String::new())
    };
    let date = to_rfc7231(&(now - Duration::seconds(says.behind)));
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ndate: {date}\r\ncontent-length: \
         {}\r\n\r\n{body}",
        body.len()
    );
    drop(stream.write_all(answer.as_bytes()));
}

/// The path after the head, without a query, of a request about it.
fn about_head(request: &str) -> Option<&str> {
    let path = request.split(' ').nth(1)?.strip_prefix("/chains/main/blocks/head")?;
    path.split('?').next()
}
