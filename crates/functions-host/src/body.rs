//! Bodies on their way through the host.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// A body that is sent to a handler or a client.
pub(crate) type ProxyBody = BoxBody<Bytes, io::Error>;

/// No body.
pub(crate) fn empty() -> ProxyBody {
    Empty::new().map_err(|never| match never {}).boxed()
}

/// As much of a body is kept to be sent again.
const MAX_KEPT_BYTES: u64 = 1 << 20;

/// The body of a request, which passes on what arrives at once and can be sent more than once. Copies are the same one.
#[derive(Debug, Clone)]
pub(crate) struct RequestBody {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    incoming: Incoming,
    /// What has arrived, as long as all of it is kept.
    kept: Vec<Bytes>,
    arrived: u64,
    most: u64,
    /// The size that the client tells; it may not.
    size: SizeHint,
    attempt: usize,
    end: Option<End>,
    last_activity: Instant,
}

/// How the body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The client has hung up.
    ClientFailed,
    /// It is larger than a host takes.
    TooLarge,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, most: u64) -> Self {
        let (size, last_activity) = (incoming.size_hint(), Instant::now());
        let shared =
            Shared { incoming, kept: Vec::new(), arrived: 0, most, size, attempt: 0, end: None, last_activity };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    /// The whole body from the beginning. What was handed out before gets nothing more.
    pub(crate) fn attempt(&self) -> ProxyBody {
        let mut shared = self.lock();
        shared.attempt += 1;
        Attempt { body: self.clone(), number: shared.attempt, position: 0, size: shared.size }.boxed()
    }

    /// Whether another attempt would send the whole body; `resend` is whether what was sent may be sent again.
    pub(crate) fn can_be_sent(&self, resend: bool) -> bool {
        let shared = self.lock();
        shared.arrived == 0 || resend && shared.arrived <= MAX_KEPT_BYTES
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.lock().end
    }

    /// When something of it arrived last, or since when it is waited for.
    pub(crate) fn last_activity(&self) -> Instant {
        self.lock().last_activity
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body that is sent once.
struct Attempt {
    body: RequestBody,
    number: usize,
    /// Among what is kept.
    position: usize,
    size: SizeHint,
}

impl Body for Attempt {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let mut shared = this.body.lock();
        let shared = &mut *shared;
        if shared.attempt != this.number {
            return Poll::Ready(Some(Err(io::Error::other("the request is sent anew"))));
        }
        if let Some(data) = shared.kept.get(this.position) {
            this.position += 1;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        loop {
            let frame = match ready!(Pin::new(&mut shared.incoming).poll_frame(context)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => {
                    shared.end = Some(End::ClientFailed);
                    return Poll::Ready(Some(Err(io::Error::other(error))));
                }
                Some(Ok(frame)) => frame,
            };
            // Trailers are not passed on.
            let Ok(data) = frame.into_data() else { continue };
            shared.last_activity = Instant::now();
            shared.arrived += data.len() as u64;
            if shared.arrived > shared.most {
                shared.end = Some(End::TooLarge);
                return Poll::Ready(Some(Err(io::Error::other("the body is too large"))));
            }
            if shared.arrived <= MAX_KEPT_BYTES {
                shared.kept.push(data.clone());
                this.position += 1;
            } else {
                shared.kept.clear();
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        let shared = self.body.lock();
        self.position >= shared.kept.len() && shared.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.size
    }
}
