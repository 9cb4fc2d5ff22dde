//! The heartbeat: a call of a dead man's switch elsewhere. If the calls stop, whether because signing does not work or because this
//! machine is gone, the switch alerts the operator.

use super::evidence::Evidence;
use super::heartbeat_url::{HeartbeatSettings, NoHeartbeatUrl};
use crate::azure::{TlsRoots, reason_of};
use axum::http::StatusCode;
use std::time::Duration;
use thiserror::Error;

/// How long the call of the switch may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Where heartbeats go, and what shows that they may be sent.
pub(super) struct Heartbeat {
    pub(super) settings: HeartbeatSettings,
    client: reqwest::Client,
    pub(super) evidence: Evidence,
}

/// Why a heartbeat was not received. Never contains the address of the switch.
#[derive(Debug, Error)]
pub(super) enum NotReceived {
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
        Ok(Self { settings, client: roots.client(CALL_TIMEOUT)?, evidence: Evidence::default() })
    }

    /// Calls the switch.
    ///
    /// # Errors
    /// [`NotReceived`].
    pub(super) async fn send(&self) -> Result<(), NotReceived> {
        let url = self.settings.url.read()?;
        let answer = self.client.get(url.expose()).send().await;
        // Before anything can print it.
        let status = answer.map_err(|error| NotReceived::NoAnswer(error.without_url()))?.status();
        if status.is_success() { Ok(()) } else { Err(NotReceived::Status(status)) }
    }
}
