//! The connections to one upstream: kept open and warm, and replaced when they are dead.
//!
//! A signature must not wait for a TCP and TLS handshake, so two connections at least stay open. An HTTP/2 connection carries
//! several requests at a time, but a second request for the same bytes always goes over a connection that no other is using.

use super::connection::{CannotOpen, Connection, Connector};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Connections that are kept open.
const MIN_WARM: usize = 2;

/// Connections that are kept after a burst, until the next probes: as many as keys that vote at the same moment.
const MAX_KEPT: usize = 32;

/// How long a connection may be idle before a probe tests it.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(30);

/// Opens and keeps connections.
pub(super) struct ConnectionPool {
    connector: Connector,
    open: Mutex<Vec<Arc<Connection>>>,
    /// How often all connections were replaced.
    replacements: AtomicUsize,
    /// How many are being opened.
    opening: AtomicUsize,
}

/// Which connections a request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// Also one that carries other requests.
    Any,
    /// One that carries no other request.
    Unused,
}

/// A connection, as one request uses it. Without a complete answer, the pool does not keep the connection.
pub(super) struct Lease<'a> {
    pool: &'a ConnectionPool,
    pub(super) connection: Arc<Connection>,
    is_answered: bool,
}

/// What is to be done to keep connections warm.
pub(super) struct Probes<'a> {
    /// The connections that have been idle for long enough.
    pub(super) due: Vec<Lease<'a>>,
    /// How many are to be opened.
    pub(super) missing: usize,
    /// When the next ones are due.
    pub(super) next: Instant,
}

impl Lease<'_> {
    /// Keeps the connection, after a complete answer.
    pub(super) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut open = self.pool.open();
        self.connection.in_flight.fetch_sub(1, Ordering::Relaxed);
        let place = open.iter().position(|other| Arc::ptr_eq(other, &self.connection));
        if self.is_answered {
            self.connection.answered();
            if place.is_none() && open.len() < MAX_KEPT && !self.connection.is_replaced() {
                open.push(Arc::clone(&self.connection));
            }
        } else if let Some(place) = place {
            open.swap_remove(place);
            drop(open);
            self.pool.connector.ended.notify_one();
        }
    }
}

/// Counts a connection that is being opened.
struct Opening<'a>(&'a ConnectionPool);

impl<'a> Opening<'a> {
    fn start(pool: &'a ConnectionPool) -> Self {
        pool.opening.fetch_add(1, Ordering::Relaxed);
        Self(pool)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.fetch_sub(1, Ordering::Relaxed);
        // It may have failed, and was counted as one that will be open.
        self.0.connector.ended.notify_one();
    }
}

impl ConnectionPool {
    pub(super) fn new(connector: Connector) -> Self {
        let (open, opening, replacements) = Default::default();
        Self { connector, open, replacements, opening }
    }

    /// The open connection with the fewest requests, and among these the one that was used last.
    pub(super) fn take(&self, sharing: Sharing) -> Option<Lease<'_>> {
        let open = self.open();
        let usable = open.iter().filter(|connection| {
            let may_carry = match sharing {
                Sharing::Any => connection.has_room(),
                Sharing::Unused => connection.in_flight() == 0,
            };
            may_carry && !connection.has_ended()
        });
        let best = usable.min_by_key(|connection| (connection.in_flight(), std::cmp::Reverse(connection.last_used())));
        best.map(|connection| self.lease(Arc::clone(connection)))
    }

    /// A new connection.
    ///
    /// # Errors
    /// [`CannotOpen`].
    pub(super) async fn open_new(&self) -> Result<Lease<'_>, CannotOpen> {
        let before = self.replacements.load(Ordering::Relaxed);
        let _opening = Opening::start(self);
        let connection = Arc::new(self.connector.open().await?);
        let mut open = self.open();
        if self.replacements.load(Ordering::Relaxed) != before {
            connection.replace();
        } else if open.len() < MAX_KEPT {
            open.push(Arc::clone(&connection));
        }
        Ok(self.lease(connection))
    }

    fn lease(&self, connection: Arc<Connection>) -> Lease<'_> {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        Lease { pool: self, connection, is_answered: false }
    }

    /// Discards the connections that have not been used since `instant`: the upstream is silent, so they are presumed dead, and
    /// trying them one after the other would take too long. One that answers after all is kept.
    pub(super) fn discard_unused_since(&self, instant: Instant) {
        self.open().retain(|connection| connection.last_used() > instant);
        self.connector.ended.notify_one();
    }

    /// Stops using the open connections, which end after the requests that they are carrying: the client certificate has changed.
    pub(super) fn replace_all(&self) {
        let mut open = self.open();
        self.replacements.fetch_add(1, Ordering::Relaxed);
        for connection in open.drain(..) {
            connection.replace();
        }
        self.connector.ended.notify_one();
    }

    /// Discards the connections that have ended, and those that a burst has left over, and returns what is to be probed.
    pub(super) fn take_for_probes(&self) -> Probes<'_> {
        let now = Instant::now();
        let mut open = self.open();
        open.retain(|connection| !connection.has_ended());
        let is_due = |connection: &Arc<Connection>| {
            connection.in_flight() == 0 && now.saturating_duration_since(connection.last_used()) >= PROBE_AFTER
        };
        let mut due: Vec<_> = open.extract_if(.., |connection| is_due(connection)).collect();
        due.truncate(MIN_WARM.saturating_sub(open.len()));
        open.extend(due.iter().cloned());
        let next = open.iter().map(|connection| connection.last_used()).filter(|used| *used + PROBE_AFTER > now).min();
        Probes {
            missing: MIN_WARM.saturating_sub(open.len() + self.opening.load(Ordering::Relaxed)),
            next: next.unwrap_or(now) + PROBE_AFTER,
            due: due.into_iter().map(|connection| self.lease(connection)).collect(),
        }
    }

    /// Returns when a connection has ended or was discarded since the last call.
    pub(super) async fn lost(&self) {
        self.connector.ended.notified().await;
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
