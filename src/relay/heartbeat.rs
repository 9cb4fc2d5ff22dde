//! The heartbeat: while signing works, a dead man's switch elsewhere is called regularly. If the calls stop, whether because signing
//! does not work or because this machine is gone, the switch alerts the operator.

use super::connections::Sharing;
use super::core::Relay;
use super::heartbeat_url::{HeartbeatSettings, NoHeartbeatUrl};
use super::upstream::{Call, Upstream};
use crate::answer::Verdict;
use crate::azure::{TlsRoots, reason_of};
use axum::http::StatusCode;
use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

/// The longest pause after a heartbeat that was withheld or not received.
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// How long the call of the switch may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the request for an upstream's health may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where heartbeats go.
pub(super) struct Heartbeat {
    settings: HeartbeatSettings,
    client: reqwest::Client,
}

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

#[derive(Debug, Error)]
enum NotReceived {
    #[error(transparent)]
    NoUrl(#[from] NoHeartbeatUrl),
    #[error("{}", reason_of(.0))]
    NoAnswer(reqwest::Error),
    #[error("status {}, expected 200", .0.as_u16())]
    Status(StatusCode),
}

impl Heartbeat {
    /// # Errors
    /// If the HTTP client cannot be created.
    pub(super) fn new(settings: HeartbeatSettings, roots: &TlsRoots) -> Result<Self, reqwest::Error> {
        Ok(Self { settings, client: roots.client(CALL_TIMEOUT)? })
    }

    async fn send(&self) -> Result<(), NotReceived> {
        let url = self.settings.url.read()?;
        let answer = self.client.get(url.expose()).send().await;
        // Before anything can print it.
        let status = answer.map_err(|error| NotReceived::NoAnswer(error.without_url()))?.status();
        if status.is_success() { Ok(()) } else { Err(NotReceived::Status(status)) }
    }
}

/// Sends heartbeats, as long as the relay is in force.
pub(super) async fn keep_beating(relay: &Relay) -> Infallible {
    let Some(heartbeat) = &relay.heartbeat else { return pending().await };
    let interval = heartbeat.settings.interval;
    let mut spell = Spell::default();
    loop {
        let start = Instant::now();
        let sent = match relay.why_unable(interval).await {
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
    async fn why_unable(&self, period: Duration) -> Option<String> {
        if let Some(reason) = self.evidence.failing_key() {
            return Some(reason);
        }
        let mut reasons = Vec::new();
        for index in self.order() {
            let Some(upstream) = self.upstreams.get(index) else { continue };
            match self.why_unusable(upstream, period).await {
                None => return None,
                Some(reason) => reasons.push(format!("{}: {reason}", upstream.url)),
            }
        }
        Some(reasons.join("; "))
    }

    async fn why_unusable(&self, upstream: &Upstream, period: Duration) -> Option<String> {
        let Some(pinned) = self.identities.store() else { return Some("no mark store is pinned".to_owned()) };
        match self.identities.store_of(upstream) {
            None => return Some("it has not reported its mark store yet".to_owned()),
            Some(store) if store != pinned => return Some("it uses another mark store".to_owned()),
            Some(_) => {}
        }
        if upstream.is_failing() {
            return Some("its last requests failed".to_owned());
        }
        if self.evidence.has_signed_within(upstream, period) {
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
