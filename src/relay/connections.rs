//! The connections to one upstream: kept open and warm, and replaced when they are dead.
//!
//! A signature must not wait for a TCP and TLS handshake, so two connections at least stay open. Each carries one request at a
//! time, and a second request for the same bytes always goes over another connection.

use crate::azure::TlsRoots;
use crate::net::dns::Resolver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Connections that are kept open.
pub(super) const MIN_WARM: usize = 2;

/// Idle connections that are kept: as many as keys that vote at the same moment.
const MAX_IDLE: usize = 32;

/// How long a connection may be idle before a probe tests it.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(30);

/// Creates and keeps connections. A call takes one, and gives it back after a complete answer.
pub(super) struct ConnectionPool {
    roots: TlsRoots,
    resolver: Arc<Resolver>,
    idle: Mutex<Vec<Connection>>,
}

/// A client that holds one connection at most. It opens one for its first request.
pub(super) struct Connection {
    pub(super) client: reqwest::Client,
    last_used: Option<Instant>,
}

impl Connection {
    /// Whether it has carried a request before. A reused connection may be dead without anyone having noticed.
    pub(super) const fn is_reused(&self) -> bool {
        self.last_used.is_some()
    }
}

impl ConnectionPool {
    pub(super) fn new(roots: TlsRoots) -> Self {
        Self { roots, resolver: Arc::default(), idle: Mutex::default() }
    }

    /// The connection that was used last, or a new one.
    ///
    /// # Errors
    /// If no client can be created.
    pub(super) fn take(&self) -> Result<Connection, reqwest::Error> {
        let last = self.idle().pop();
        last.map_or_else(|| self.open(), Ok)
    }

    /// A new connection.
    ///
    /// # Errors
    /// If no client can be created.
    pub(super) fn open(&self) -> Result<Connection, reqwest::Error> {
        let client = self.roots.client_of_one_connection(Arc::clone(&self.resolver))?;
        Ok(Connection { client, last_used: None })
    }

    /// Keeps a connection after a complete answer.
    pub(super) fn give_back(&self, mut connection: Connection) {
        connection.last_used = Some(Instant::now());
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    /// Discards the idle connections that have not been used since `instant`: the upstream is silent, so they are presumed dead,
    /// and trying them one after the other would take too long.
    pub(super) fn discard_unused_since(&self, instant: Instant) {
        self.idle().retain(|connection| connection.last_used.is_some_and(|used| used > instant));
    }

    /// The connections to probe: those that were idle for long enough, and new ones if too few are warm.
    ///
    /// # Errors
    /// If no client can be created.
    pub(super) fn take_for_probes(&self) -> Result<Vec<Connection>, reqwest::Error> {
        let now = Instant::now();
        let is_due = |connection: &mut Connection| {
            connection.last_used.is_none_or(|used| now.saturating_duration_since(used) >= PROBE_AFTER)
        };
        let (mut due, kept) = {
            let mut idle = self.idle();
            let due: Vec<_> = idle.extract_if(.., is_due).collect();
            (due, idle.len())
        };
        // More than these were opened for a burst, and are not worth a probe.
        due.truncate(MIN_WARM.saturating_sub(kept));
        while due.len() + kept < MIN_WARM {
            due.push(self.open()?);
        }
        Ok(due)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
