//! What the relay does by itself: connections are kept warm, credentials tested, and lists read again.
//!
//! A probe carries no credential: the platform rejects it, which costs nothing. A read with the credential is an execution that is
//! charged, so it is rare while all is well.

use super::connections::{Probes, Sharing};
use super::core::Relay;
use super::heartbeat_loop::keep_beating;
use super::upstream::{Call, NoReply, Upstream};
use crate::background::keep_running;
use crate::net::backoff::Backoff;
use futures::future::{join, join_all, join3};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

/// The shortest time between two attempts at the same thing.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// Between two reads with the credential while all is well.
const READ_INTERVAL: Duration = Duration::from_mins(10);

/// How long an upstream whose requests fail goes last before a read shows whether it is well. Reads may succeed while signatures
/// fail, and each attempt costs a request the hedging time.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(10);

/// How long a read or a probe may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Between two lines of figures.
const REPORT_INTERVAL: Duration = Duration::from_mins(10);

/// Runs as long as the relay is in force.
pub(super) async fn maintain(relay: &Arc<Relay>) -> Infallible {
    let upstreams = relay.upstreams.iter().map(|upstream| {
        let upstream = Arc::clone(upstream);
        keep_running("relay upstream", move || {
            let (relay, upstream) = (Arc::clone(relay), Arc::clone(&upstream));
            async move {
                // The read first: the connection that it opens is one of those to be kept warm.
                let read = keep_read(&relay, &upstream);
                let warm = keep_warm(Arc::clone(&upstream));
                join(read, warm).await
            }
        })
    });
    let figures = keep_running("relay figures", || report_figures(relay));
    let credentials = keep_running("relay credentials", || refresh_credentials(relay));
    let heartbeat = keep_running("relay heartbeat", || keep_beating(relay));
    let observer = Box::pin(keep_running("relay observer", || Box::pin(send_copies(relay))));
    let (_, (never, _), _) = join3(join_all(upstreams), join(figures, credentials), join(heartbeat, observer)).await;
    never
}

/// Keeps enough connections open, and tests those that are idle. Works when a connection is lost, or one has been idle for long.
async fn keep_warm(upstream: Arc<Upstream>) -> Infallible {
    let mut backoff = Backoff::new(MIN_PAUSE, Duration::from_secs(10));
    loop {
        let start = Instant::now();
        let Probes { due, missing, next } = upstream.connections.take_for_probes();
        let opened = join_all((0..missing).map(|_| open_and_probe(&upstream)));
        let probed = join_all(due.into_iter().map(|lease| upstream.probe(lease, TIMEOUT)));
        let (opened, probed) = join(opened, probed).await;
        let is_well = opened.iter().chain(&probed).all(Result::is_ok);
        let pause = if is_well {
            backoff.reset();
            tokio::select! {
                () = sleep_until(next) => {}
                () = upstream.connections.lost() => {}
            }
            MIN_PAUSE
        } else {
            backoff.pause(None)
        };
        sleep_until(start + pause).await;
    }
}

async fn open_and_probe(upstream: &Upstream) -> Result<Duration, NoReply> {
    let lease = upstream.connections.open_new().await.map_err(|error| NoReply::Connection(error.to_string()))?;
    upstream.probe(lease, TIMEOUT).await
}

/// Reads the authorized keys with the credential: that names the store, tests the credential, and shows when a failing upstream is
/// well again.
async fn keep_read(relay: &Relay, upstream: &Upstream) -> Infallible {
    let mut backoff = Backoff::new(MIN_PAUSE, Duration::from_secs(10));
    let mut logged = None;
    loop {
        let result = read(relay, upstream).await;
        let is_well = result.is_ok();
        match result {
            Ok(()) => {
                upstream.succeeded();
                logged = None;
            }
            Err(reason) => {
                upstream.failed(&reason);
                if logged.as_ref() != Some(&reason) {
                    warn!(event = "relay_upstream_unusable", upstream = %upstream.url, reason, "an upstream cannot be used");
                    logged = Some(reason);
                }
            }
        }
        // Until a store is pinned, an upstream may still name another one.
        let pause = if is_well && relay.identities.store().is_some() {
            backoff.reset();
            READ_INTERVAL
        } else {
            backoff.pause(None)
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = relay.refresh.notified() => {}
            () = upstream.fails(), if is_well => sleep(RECOVERY_INTERVAL).await,
        }
    }
}

async fn read(relay: &Relay, upstream: &Upstream) -> Result<(), String> {
    let deadline = Instant::now() + TIMEOUT;
    let call = Call::get("/authorized_keys");
    let reply = upstream.call(&call, Sharing::Any, deadline).await.map_err(|no_reply| no_reply.to_string())?;
    relay.saw(upstream, &reply);
    let Some(signer) = &reply.signer else { return Err(upstream.reason_of_platform(&reply)) };
    let Some(hashes) = reply.authorized_keys() else {
        return Err(reply.message());
    };
    relay.set_authorized_keys(upstream, hashes);
    match (signer.store, relay.identities.store()) {
        (None, _) => return Err("the signer does not know its mark store yet".to_owned()),
        (Some(store), Some(pinned)) if store != pinned => return Err("it uses another mark store".to_owned()),
        (Some(_), _) => {}
    }
    for key in relay.companions.keys() {
        // Without it, the companion's signature is requested as any other.
        drop(relay.public_key(&key, deadline).await);
    }
    Ok(())
}

/// Reads the files of credentials again, in case they have changed.
async fn refresh_credentials(relay: &Arc<Relay>) -> Infallible {
    loop {
        sleep(2 * MIN_PAUSE).await;
        relay.refresh_files();
    }
}

async fn send_copies(relay: &Arc<Relay>) -> Infallible {
    match &relay.observer {
        Some(observer) => observer.send_copies().await,
        None => std::future::pending().await,
    }
}

async fn report_figures(relay: &Arc<Relay>) -> Infallible {
    loop {
        sleep(REPORT_INTERVAL).await;
        relay.log_figures();
    }
}

impl Relay {
    /// Logs what was counted of each upstream.
    pub(super) fn log_figures(&self) {
        for upstream in &self.upstreams {
            let counts = upstream.counters.counts();
            info!(
                event = "relay_figures",
                upstream = %upstream.url,
                requests = counts.requests,
                wins = counts.wins,
                hedges = counts.hedges,
                errors = counts.errors,
                probes = counts.probes,
                round_trip_ms = u64::try_from(counts.round_trip.as_millis()).unwrap_or(u64::MAX),
                "requests since the start"
            );
        }
        if let Some(observer) = &self.observer {
            observer.log_figures();
        }
    }
}
