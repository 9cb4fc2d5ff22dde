//! What the running signer knows about participation, for metrics.

use super::{Duty, Outcome, Standing, Tally};
use crate::tezos::PublicKeyHash;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The outcomes since the start, and the standings as last read.
#[derive(Debug, Default)]
pub struct Participation {
    tally: Mutex<Tally>,
    standings: Mutex<BTreeMap<PublicKeyHash, Standing>>,
}

impl Participation {
    pub(super) fn add(&self, duty: &Duty, cycle: Option<u32>, outcome: Outcome) {
        self.tally().add(duty, cycle, outcome);
    }

    pub(super) fn set_standings(&self, standings: BTreeMap<PublicKeyHash, Standing>) {
        *self.standings.lock().unwrap_or_else(PoisonError::into_inner) = standings;
    }

    /// The outcomes since the start.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The standing of each key's delegate.
    pub fn standings(&self) -> BTreeMap<PublicKeyHash, Standing> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
