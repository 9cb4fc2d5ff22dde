//! A Tezos node that reports its chain and its head over HTTP.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The node's chain and level; `None`: it answers no request.
pub(crate) type Head = Option<(&'static str, u32)>;

pub(crate) struct Node {
    address: SocketAddr,
    head: Arc<Mutex<Head>>,
    padding: Arc<AtomicUsize>,
    time: Arc<Mutex<Option<String>>>,
}

impl Node {
    pub(crate) fn start(head: Head) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let head = Arc::new(Mutex::new(head));
        let answer = Arc::clone(&head);
        let padding = Arc::new(AtomicUsize::new(0));
        let padded = Arc::clone(&padding);
        let time = Arc::<Mutex<Option<String>>>::default();
        let made = Arc::clone(&time);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { break };
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let request = lines.next().and_then(Result::ok).unwrap_or_default();
                while lines.next().and_then(Result::ok).is_some_and(|line| !line.is_empty()) {}
                let Some((chain, level)) = *answer.lock().unwrap() else { continue };
                let body = if request.contains("/chains/main/chain_id") {
                    format!("\"{chain}\"\n")
                } else if request.contains("/chains/main/blocks/head/header/shell") {
                    let time = made
                        .lock()
                        .unwrap()
                        .as_ref()
                        .map(|time| format!("\"timestamp\":\"{time}\","))
                        .unwrap_or_default();
                    format!("{{\"level\":{level},\"proto\":1,{time}\"validation_pass\":4,\"fitness\":[\"02\"]}}\n")
                } else {
                    // It has no blocks, as a node that keeps only some of them.
                    drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
                    continue;
                };
                let body = body + &" ".repeat(padded.load(Ordering::Relaxed));
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\
                     content-length: {}\r\n\r\n{body}",
                    body.len()
                );
                drop(stream.write_all(answer.as_bytes()));
            }
        });
        Self { address, head, padding, time }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Pads every answer with this much white space.
    pub(crate) fn pads(&self, bytes: usize) {
        self.padding.store(bytes, Ordering::Relaxed);
    }

    /// Puts this time into the header of its head.
    pub(crate) fn says_time(&self, time: &str) {
        *self.time.lock().unwrap() = Some(time.to_owned());
    }

    pub(crate) fn says(&self, head: Head) {
        *self.head.lock().unwrap() = head;
    }
}
