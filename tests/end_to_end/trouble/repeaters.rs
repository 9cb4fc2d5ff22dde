//! Many connections that repeat one request as fast as it is answered. A single thread with precomputed bytes leaves the
//! processors to the signer.

use crate::support::http::sign_request;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The connections, which are closed on drop.
pub(crate) struct Repeaters {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    request: Mutex<Arc<[u8]>>,
    is_over: AtomicBool,
    answered: AtomicU64,
    signed: AtomicU64,
}

/// The number of answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) all: u64,
    /// The number of signatures.
    pub(crate) signed: u64,
}

impl Repeaters {
    /// Opens this many connections, which request a signature of `payload`.
    pub(crate) fn start(address: SocketAddr, connections: usize, key: &str, payload: &[u8]) -> Self {
        let shared = Arc::new(Shared {
            request: Mutex::new(request(key, payload)),
            is_over: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            signed: AtomicU64::new(0),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
            runtime.block_on(async {
                let repeaters = (0..connections).map(|_| repeat(address, &of_thread));
                futures::future::join_all(repeaters).await;
            });
        });
        Self { shared, thread: Some(thread) }
    }

    /// Switches to another payload.
    pub(crate) fn switch_to(&self, key: &str, payload: &[u8]) {
        *self.shared.request.lock().unwrap() = request(key, payload);
    }

    /// The number of answers so far.
    pub(crate) fn answered(&self) -> Answered {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Answered { all: count(&self.shared.answered), signed: count(&self.shared.signed) }
    }
}

impl Drop for Repeaters {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn request(key: &str, payload: &[u8]) -> Arc<[u8]> {
    sign_request(key, payload).into_bytes().into()
}

/// Sends the next request on each connection that has been answered.
async fn repeat(address: SocketAddr, shared: &Shared) {
    let mut answer = vec![0; 2_048];
    while !shared.is_over.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            // The signer accepts no more connections now.
            tokio::task::yield_now().await;
            continue;
        };
        drop(stream.set_nodelay(true));
        while !shared.is_over.load(Ordering::Relaxed) {
            let request = Arc::clone(&shared.request.lock().unwrap());
            if stream.write_all(&request).await.is_err() {
                break;
            }
            let Some(status) = status(&mut stream, &mut answer).await else { break };
            shared.answered.fetch_add(1, Ordering::Relaxed);
            shared.signed.fetch_add(u64::from(status == *b"200"), Ordering::Relaxed);
        }
    }
}

/// Reads one answer; `None` if the connection has ended.
async fn status(stream: &mut TcpStream, answer: &mut [u8]) -> Option<[u8; 3]> {
    let mut read = 0;
    loop {
        let more = stream.read(answer.get_mut(read..)?).await.ok()?;
        if more == 0 {
            return None;
        }
        read += more;
        // All answers are JSON, either an object or a list of one error, so they end with the matching bracket.
        let text = answer.get(..read)?;
        let end = text.trim_ascii_end().last()?;
        if text.windows(4).any(|four| four == b"\r\n\r\n") && matches!(end, b'}' | b']') {
            return text.get(9..12)?.try_into().ok();
        }
    }
}
