//! Copies of requests for an observer, a signer that decides and releases nothing (`RELAY_OBSERVER`).
//!
//! A copy is queued without waiting, and dropped if the queue is full. One task sends the copies over connections of their own, so that
//! an observer that is slow or dead costs the real requests nothing. Its answers are not used. Copies are sent only to a signer that
//! reports that it is an observer: any other one would sign them.

use super::RelaySettings;
use super::connection::{Connector, UnusableAddress};
use super::connections::Sharing;
use super::credential::Credentials;
use super::reply::Reply;
use super::upstream::{Call, NoReply, Upstream};
use crate::azure::TlsRoots;
use crate::net::dns::Resolver;
use futures::StreamExt;
use futures::stream::poll_fn;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

/// Copies that wait at a time: some levels of votes of many keys.
const MAX_QUEUED: usize = 256;

/// Copies that are sent at a time.
const MAX_IN_FLIGHT: usize = 8;

/// Between two requests that check whether the other side is an observer, until it is confirmed.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(5);

/// An observer, and the copies for it.
pub(super) struct Observer {
    upstream: Upstream,
    deadline: Duration,
    copies: mpsc::Sender<Call>,
    queue: Mutex<mpsc::Receiver<Call>>,
    /// Whether its last answer showed that it is an observer.
    is_confirmed: AtomicBool,
    /// Whether it was logged that it does not answer.
    is_unavailable: AtomicBool,
    /// Whether it was logged that it releases signatures.
    signs: AtomicBool,
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// Why a copy was not observed.
enum NotObserved {
    /// There is no answer.
    NoReply(NoReply),
    /// The answer is not a signer's.
    Platform(String),
    /// It is a signer that releases signatures.
    Signs,
}

impl Observer {
    /// Sends no requests. `None` without `RELAY_OBSERVER`.
    ///
    /// # Errors
    /// [`UnusableAddress`].
    pub(super) fn new(
        settings: &RelaySettings,
        roots: &TlsRoots,
        resolver: &Arc<Resolver>,
        credentials: &Arc<Credentials>,
    ) -> Result<Option<Self>, UnusableAddress> {
        let Some(url) = settings.observer.clone() else { return Ok(None) };
        // The client certificate is for the upstreams.
        let connector = Connector::new(&url, roots, Arc::clone(resolver), None)?;
        let index = settings.upstreams.len();
        let upstream = Upstream::new(index, url, connector, Arc::clone(credentials), settings.hedge);
        let (copies, queue) = mpsc::channel(MAX_QUEUED);
        let (is_confirmed, is_unavailable, signs) = Default::default();
        let (sent, dropped, failed) = Default::default();
        let (deadline, queue) = (settings.deadline, Mutex::new(queue));
        Ok(Some(Self { upstream, deadline, copies, queue, is_confirmed, is_unavailable, signs, sent, dropped, failed }))
    }

    /// Queues a copy of a request, if there is room. Never waits.
    pub(super) fn copy(&self, call: Call) {
        if self.copies.try_send(call).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Sends the queued copies. Runs as long as the relay is in force.
    pub(super) async fn send_copies(&self) -> Infallible {
        let mut queue = self.queue.lock().await;
        loop {
            while !self.is_confirmed.load(Ordering::Relaxed) {
                self.note(self.confirm().await);
                if !self.is_confirmed.load(Ordering::Relaxed) {
                    sleep(CONFIRM_INTERVAL).await;
                }
            }
            let confirmed = poll_fn(|context| queue.poll_recv(context)).take_while(|_| {
                let is_confirmed = self.is_confirmed.load(Ordering::Relaxed);
                if !is_confirmed {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                std::future::ready(is_confirmed)
            });
            confirmed
                .for_each_concurrent(MAX_IN_FLIGHT, |call| async move {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    self.note(self.send(&call).await);
                })
                .await;
        }
    }

    /// Checks whether the other side is an observer, with a request that no signer signs.
    async fn confirm(&self) -> Result<(), NotObserved> {
        self.send(&Call::get("/authorized_keys")).await
    }

    async fn send(&self, call: &Call) -> Result<(), NotObserved> {
        let reply = self.upstream.call(call, Sharing::Any, Instant::now() + self.deadline).await;
        let reply: Reply = reply.map_err(NotObserved::NoReply)?;
        match &reply.signer {
            None => Err(NotObserved::Platform(self.upstream.reason_of_platform(&reply))),
            Some(signer) if signer.observes => Ok(()),
            Some(_) => Err(NotObserved::Signs),
        }
    }

    /// Records how a copy went. A copy that a signer could have signed is the last one.
    fn note(&self, result: Result<(), NotObserved>) {
        let upstream = &self.upstream.url;
        let reason = match result {
            Ok(()) => {
                self.is_confirmed.store(true, Ordering::Relaxed);
                let (was_unavailable, signed) =
                    (self.is_unavailable.swap(false, Ordering::Relaxed), self.signs.swap(false, Ordering::Relaxed));
                if was_unavailable || signed {
                    info!(event = "relay_observer_recovered", %upstream, "the observer answers again");
                }
                return;
            }
            Err(NotObserved::NoReply(no_reply)) => no_reply.to_string(),
            Err(NotObserved::Platform(reason)) => reason,
            Err(NotObserved::Signs) => {
                self.is_confirmed.store(false, Ordering::Relaxed);
                if !self.signs.swap(true, Ordering::Relaxed) {
                    error!(
                        event = "relay_observer_signs",
                        %upstream,
                        "RELAY_OBSERVER is a signer that releases signatures, so it gets no copies: set OBSERVE=true there"
                    );
                }
                return;
            }
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        if !self.is_unavailable.swap(true, Ordering::Relaxed) {
            warn!(event = "relay_observer_unavailable", %upstream, reason, "the observer misses copies of requests");
        }
    }

    /// Logs what was counted.
    pub(super) fn log_figures(&self) {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        info!(
            event = "relay_observer_figures",
            upstream = %self.upstream.url,
            sent = get(&self.sent),
            dropped = get(&self.dropped),
            errors = get(&self.failed),
            "copies of requests since the start"
        );
    }
}
