//! The account's regions: one endpoint each, all on the same data, and which of them must confirm a write.
//!
//! With strong consistency, a write is acknowledged once every region has it. In an account of three regions or more, the service
//! continues with a majority after a while, and leaves out those that do not confirm. In an account of two, nothing is written
//! while either is lost.

use crate::double::{Controls, controllable};
use crate::faults::Failure;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The region of a single-region account.
pub(super) const FIRST: &str = "West Europe";

/// With fewer regions, the service never continues with a majority.
const MIN_FOR_MAJORITY: usize = 3;

/// A write in a region that is not the write region.
const WRITE_FORBIDDEN: Failure = Failure { status: 403, sub_status: Some(3), retry_after: None };

/// A request to a region that is not in the account.
const NO_SUCH_REGION: Failure = Failure { status: 403, sub_status: Some(1008), retry_after: None };

/// The regions of the account, and what has become of them.
#[derive(Debug)]
pub(super) struct Regions {
    endpoints: Vec<(String, String)>,
    /// How long a write waits for a region that does not confirm it, where a majority would do.
    majority_after: Duration,
    state: watch::Sender<RegionState>,
}

#[derive(Debug)]
struct RegionState {
    /// The write region.
    write: String,
    /// The regions in the account, in order of failover priority.
    members: Vec<String>,
    /// Since when a region has been unreachable from everywhere.
    cut_off: HashMap<String, Instant>,
    changes: u32,
}

/// When a write is committed, unless something changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Commit {
    Now,
    At(Instant),
    Never,
}

impl Regions {
    /// Regions as (name, endpoint), in order of failover priority; the first is the write region.
    pub(super) fn new(endpoints: Vec<(String, String)>, majority_after: Duration) -> Self {
        let members: Vec<_> = endpoints.iter().map(|(name, _)| name.clone()).collect();
        let write = members.first().cloned().unwrap_or_default();
        let state = RegionState { write, members, cut_off: HashMap::new(), changes: 0 };
        Self { endpoints, majority_after, state: watch::Sender::new(state) }
    }

    pub(super) fn move_writes_to(&self, name: &str) {
        self.change(|state| name.clone_into(&mut state.write));
    }

    /// Cuts a region off, or reconnects it.
    pub(super) fn set_cut_off(&self, name: &str, is_cut_off: bool) {
        self.change(|state| {
            if is_cut_off {
                state.cut_off.entry(name.to_owned()).or_insert_with(Instant::now);
            } else {
                state.cut_off.remove(name);
            }
        });
    }

    /// Removes a region from the account. If it was the write region, the next one is.
    pub(super) fn take_offline(&self, name: &str) {
        self.change(|state| {
            state.members.retain(|member| member != name);
            if state.write == name {
                state.write = state.members.first().cloned().unwrap_or_default();
            }
        });
    }

    /// Adds it to the account again, as the last read region.
    pub(super) fn bring_online(&self, name: &str) {
        self.change(|state| {
            if !state.members.iter().any(|member| member == name) {
                state.members.push(name.to_owned());
            }
        });
    }

    /// The write region.
    pub(super) fn write_region(&self) -> String {
        self.state.borrow().write.clone()
    }

    /// Waits until a region can be reached.
    ///
    /// # Errors
    /// If it is not in the account.
    pub(super) async fn until_reachable(&self, name: &str) -> Result<(), Failure> {
        let mut state = self.state.subscribe();
        let Ok(state) = state.wait_for(|state| !state.cut_off.contains_key(name)).await else { return Ok(()) };
        if state.members.iter().any(|member| member == name) { Ok(()) } else { Err(NO_SUCH_REGION) }
    }

    /// Waits until a write that has arrived in a region is committed.
    ///
    /// # Errors
    /// If the region does not accept writes, or no longer.
    pub(super) async fn until_committed(&self, name: &str) -> Result<(), Failure> {
        let mut changes = self.state.subscribe();
        loop {
            let commit = {
                let state = changes.borrow_and_update();
                if state.write != name {
                    return Err(WRITE_FORBIDDEN);
                }
                state.commit(Instant::now(), self.majority_after)
            };
            let change = changes.changed();
            match commit {
                Commit::Now => return Ok(()),
                Commit::Never => drop(change.await),
                Commit::At(at) => tokio::select! {
                    _ = change => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    /// `writableLocations` of the document.
    pub(super) fn writable(&self) -> Value {
        let write = self.write_region();
        self.locations(|name| name == write)
    }

    /// `readableLocations` of the document: the write region first, as in a real account.
    pub(super) fn readable(&self) -> Value {
        let (write, members) = {
            let state = self.state.borrow();
            (state.write.clone(), state.members.clone())
        };
        let mut locations = self.locations(|name| name == write && members.iter().any(|member| member == name));
        let others = self.locations(|name| name != write && members.iter().any(|member| member == name));
        if let (Some(locations), Value::Array(others)) = (locations.as_array_mut(), others) {
            locations.extend(others);
        }
        locations
    }

    /// An `ETag` that differs after every change.
    pub(super) fn version(&self) -> String {
        format!("\"{}\"", self.state.borrow().changes)
    }

    fn locations(&self, is_meant: impl Fn(&str) -> bool) -> Value {
        let meant = self.endpoints.iter().filter(|(name, _)| is_meant(name));
        meant.map(|(name, url)| json!({ "name": name, "databaseAccountEndpoint": url })).collect()
    }

    fn change(&self, change: impl FnOnce(&mut RegionState)) {
        self.state.send_modify(|state| {
            change(state);
            state.changes += 1;
        });
    }
}

impl RegionState {
    /// When a write that is in the write region now is confirmed by enough regions.
    fn commit(&self, now: Instant, majority_after: Duration) -> Commit {
        let lost = self.members.iter().filter_map(|member| self.cut_off.get(member)).copied();
        let Some(last) = lost.clone().max() else { return Commit::Now };
        let majority = self.members.len() / 2 + 1;
        let is_enough = self.members.len() >= MIN_FOR_MAJORITY && self.members.len() - lost.count() >= majority;
        match last + majority_after {
            _ if !is_enough || self.cut_off.contains_key(&self.write) => Commit::Never,
            at if at <= now => Commit::Now,
            at => Commit::At(at),
        }
    }
}

/// A region of an account with several.
#[derive(Debug, Clone)]
pub struct Region {
    pub(crate) controls: Arc<Controls>,
    pub(super) name: String,
}

controllable!(Region);

impl Region {
    /// Name, such as `West Europe`.
    pub fn name(&self) -> &str {
        &self.name
    }
}
