//! The relay as it is configured now. Another configuration can replace it while requests are answered.

use super::admission::Admission;
use super::core::{Relay, RelayError};
use super::maintenance::maintain;
use super::settings::RelaySettings;
use super::state::SavedState;
use crate::azure::TlsRoots;
use arc_swap::ArcSwap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::info;

/// The configuration that is in force. A request is answered by the one that was in force when it arrived.
pub struct Live {
    roots: TlsRoots,
    current: ArcSwap<Configured>,
    replaced: Notify,
}

/// A relay, and what it does with a request before it looks for an answer.
pub(super) struct Configured {
    pub(super) relay: Arc<Relay>,
    pub(super) admission: Admission,
    pub(super) deadline: Duration,
}

impl Configured {
    fn new(relay: Relay, settings: RelaySettings) -> Self {
        if settings.authorized_keys.is_empty() {
            info!(
                event = "authentication_off",
                "no RELAY_AUTHORIZED_KEYS: anyone who can reach this address may request signatures"
            );
        }
        let RelaySettings { host_names, operations, allow_drain, authorized_keys, deadline, .. } = settings;
        let admission = Admission { host_names, operations, allow_drain, authorized_keys };
        Self { relay: Arc::new(relay), admission, deadline }
    }
}

impl Live {
    /// Reads the state and the credentials. Sends no requests.
    ///
    /// # Errors
    /// [`RelayError`].
    pub fn new(settings: RelaySettings, roots: TlsRoots) -> Result<Self, RelayError> {
        let state = Arc::new(SavedState::open(&settings.state_dir)?);
        let relay = Relay::new(state, &settings, &roots, None)?;
        let current = ArcSwap::from_pointee(Configured::new(relay, settings));
        Ok(Self { roots, current, replaced: Notify::new() })
    }

    /// Puts other settings in force, all at once. The connections to upstreams that stay are kept. `listen` and `state_dir` have no
    /// effect.
    ///
    /// # Errors
    /// [`RelayError`]. Then nothing has changed.
    pub fn replace(&self, settings: RelaySettings) -> Result<(), RelayError> {
        let previous = self.current();
        let state = Arc::clone(&previous.relay.state);
        let relay = Relay::new(state, &settings, &self.roots, Some(&previous.relay))?;
        self.current.store(Arc::new(Configured::new(relay, settings)));
        self.replaced.notify_one();
        Ok(())
    }

    /// What is in force.
    pub(super) fn current(&self) -> Arc<Configured> {
        self.current.load_full()
    }

    /// The time within which requests that arrive now are answered.
    pub fn deadline(&self) -> Duration {
        self.current().deadline
    }

    /// Keeps connections open, and what is known of the upstreams up to date. Runs for the life of the process.
    pub async fn maintain(&self) -> Infallible {
        loop {
            let current = self.current();
            tokio::select! {
                never = maintain(&current.relay) => match never {},
                () = self.replaced.notified() => {}
            }
        }
    }

    /// Reads the files with credentials again, in case they have changed.
    pub fn refresh_files(&self) {
        self.current().relay.refresh_files();
    }

    /// Logs what was counted of each upstream.
    pub fn log_figures(&self) {
        self.current().relay.log_figures();
    }
}
