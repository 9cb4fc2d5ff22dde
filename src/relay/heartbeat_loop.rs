//! Sends heartbeats while signing works.

use super::connections::Sharing;
use super::core::Relay;
use super::evidence::Evidence;
use super::heartbeat::NotReceived;
use super::upstream::{Call, Upstream};
use crate::answer::Verdict;
use axum::http::StatusCode;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

/// The longest pause after a heartbeat that was withheld or not received.
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// How long the request for an upstream's health may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there was no heartbeat.
#[derive(Debug, Error)]
enum Missed {
    /// Signing would probably not work.
    #[error("{0}")]
    Withheld(String),
    /// The switch did not accept it. Never contains its address.
    #[error(transparent)]
    NotReceived(#[from] NotReceived),
}

/// Sends heartbeats, as long as the relay is in force.
pub(super) async fn keep_beating(relay: &Relay) -> Infallible {
    let Some(heartbeat) = &relay.heartbeat else { return pending().await };
    let interval = heartbeat.settings.interval;
    let mut spell = Spell::default();
    loop {
        let start = Instant::now();
        let sent = match relay.why_unable(&heartbeat.evidence, interval).await {
            None => heartbeat.send().await.map_err(Missed::from),
            Some(reason) => Err(Missed::Withheld(reason)),
        };
        spell.saw(&sent);
        let pause = if sent.is_ok() { interval } else { interval.min(MAX_RETRY_INTERVAL) };
        sleep_until(start + pause).await;
    }
}

/// What was missed in a row, so that it is logged once.
#[derive(Default)]
struct Spell {
    withheld: u32,
    is_withheld_logged: bool,
    is_failure_logged: bool,
}

impl Spell {
    fn saw(&mut self, sent: &Result<(), Missed>) {
        match sent {
            Ok(()) => {
                if self.is_withheld_logged || self.is_failure_logged {
                    info!(event = "relay_heartbeat_recovered", "heartbeats are sent and received again");
                }
                *self = Self::default();
            }
            Err(Missed::Withheld(reason)) => {
                self.withheld = self.withheld.saturating_add(1);
                // The first one may only mean that the relay has just started.
                if self.withheld >= 2 && !self.is_withheld_logged {
                    self.is_withheld_logged = true;
                    warn!(event = "relay_heartbeat_withheld", reason, "no heartbeat: signing would not work");
                }
            }
            Err(Missed::NotReceived(reason)) => {
                if !self.is_failure_logged {
                    self.is_failure_logged = true;
                    warn!(event = "relay_heartbeat_failed", %reason, "the heartbeat was not received; signing is not affected");
                }
            }
        }
    }
}

impl Relay {
    /// Why blocks and votes would probably not be signed now. Requests the health of an upstream, unless it has signed within the
    /// last `period`, which proves more and costs nothing.
    async fn why_unable(&self, evidence: &Evidence, period: Duration) -> Option<String> {
        if let Some(reason) = evidence.failing_key() {
            return Some(reason);
        }
        let mut reasons = Vec::new();
        for index in self.order() {
            let Some(upstream) = self.upstreams.get(index) else { continue };
            match self.why_unusable(upstream, evidence, period).await {
                None => return None,
                Some(reason) => reasons.push(format!("{}: {reason}", upstream.url)),
            }
        }
        Some(reasons.join("; "))
    }

    async fn why_unusable(&self, upstream: &Upstream, evidence: &Evidence, period: Duration) -> Option<String> {
        let Some(pinned) = self.identities.store() else { return Some("no mark store is pinned".to_owned()) };
        match self.identities.store_of(upstream) {
            None => return Some("it has not reported its mark store yet".to_owned()),
            Some(store) if store != pinned => return Some("it uses another mark store".to_owned()),
            Some(_) => {}
        }
        if upstream.is_failing() {
            return Some("its last requests failed".to_owned());
        }
        if evidence.has_signed_within(upstream, period) {
            return None;
        }
        let reply = upstream.call(&Call::get("/health"), Sharing::Any, Instant::now() + HEALTH_TIMEOUT).await;
        let reply = match reply {
            Ok(reply) => reply,
            Err(no_reply) => return Some(no_reply.to_string()),
        };
        match &reply.signer {
            None => Some(upstream.reason_of_platform(&reply)),
            Some(signer) if signer.verdict == Verdict::Answered && reply.status == StatusCode::OK => None,
            Some(_) => Some(format!("it cannot sign: /health returned status {}", reply.status.as_u16())),
        }
    }
}
