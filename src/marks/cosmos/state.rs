//! The state of the store, as the background task publishes it.

use super::account;
use super::checker::Checker;
use super::{Unsuitable, client};
use crate::failure_reason::FailureReason;
use azure_data_cosmos::ContainerClient;
use azure_data_cosmos::options::ItemReadOptions;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};

/// The current state of the store.
#[derive(Clone)]
pub(super) enum StoreState {
    /// No attempt has ended yet.
    Connecting,
    /// No attempt has succeeded yet.
    Failed(FailureReason),
    /// The account and the container are safe for marks. Stays so while the connection is replaced.
    Ready(Arc<Ready>),
    /// They are not safe for marks.
    Unsuitable(Vec<Unsuitable>),
}

/// A container that may keep marks.
pub(super) struct Ready {
    pub(super) container: Arc<ContainerClient>,
    /// All regions, in the order of reads.
    pub(super) regions: Vec<String>,
    pub(super) write_regions: String,
}

impl Ready {
    /// Options for the read with this number: each attempt goes to the next region. Under strong consistency, every region has
    /// every acknowledged write.
    pub(super) fn read_options(&self, number: usize, deadline: Instant) -> ItemReadOptions {
        let region = number.checked_rem(self.regions.len()).and_then(|index| self.regions.get(index));
        let is_default = number == 0 || self.regions.len() == 1;
        let options = region.filter(|_| !is_default).map(|region| client::only_from(region, &self.regions));
        ItemReadOptions::default().with_operation_options(client::ends_before(deadline, options))
    }
}

/// Between two checks of a suitable account.
const CHECK_INTERVAL: Duration = Duration::from_mins(3);

/// Between two checks of an unsuitable account: an operator may be correcting it.
const CHECK_INTERVAL_IF_UNSUITABLE: Duration = Duration::from_secs(5);

/// Publishes the state, and logs its changes.
pub(super) struct States {
    pub(super) checker: Arc<Checker>,
    pub(super) state: watch::Sender<StoreState>,
}

impl States {
    /// There is no connection yet. An earlier verdict stands if the task was restarted.
    pub(super) fn failed(&self, reason: &FailureReason) {
        if !matches!(*self.state.borrow(), StoreState::Ready(_) | StoreState::Unsuitable(_)) {
            self.publish(StoreState::Failed(reason.clone()));
        }
    }

    pub(super) fn next_check(&self) -> Instant {
        let is_unsuitable = matches!(*self.state.borrow(), StoreState::Unsuitable(_));
        Instant::now() + if is_unsuitable { CHECK_INTERVAL_IF_UNSUITABLE } else { CHECK_INTERVAL }
    }

    /// Changes the state, and logs the change.
    pub(super) fn publish(&self, new: StoreState) {
        let settings = &self.checker.settings;
        match (&*self.state.borrow(), &new) {
            (StoreState::Ready(_), StoreState::Ready(_)) | (_, StoreState::Connecting) => {}
            (_, StoreState::Ready(_)) => info!(
                event = "store_ready",
                endpoint = %settings.endpoint,
                database = settings.database,
                container = settings.container,
                "using the mark store in Cosmos DB"
            ),
            (StoreState::Unsuitable(old), StoreState::Unsuitable(new)) if old == new => {}
            (_, StoreState::Unsuitable(reasons)) => {
                error!(
                    event = "account_unsuitable",
                    reason = account::explained(reasons),
                    "no block or vote is signed"
                );
            }
            (StoreState::Failed(old), StoreState::Failed(new)) if old == new => {}
            (_, StoreState::Failed(reason)) => {
                warn!(event = "store_unavailable", reason = reason.log(), "cannot connect to the mark store yet");
            }
        }
        self.state.send_replace(new);
    }
}
