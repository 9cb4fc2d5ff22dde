//! The account's regions: one endpoint each, all on the same data, as with strong consistency.

use crate::double::{Controls, controllable};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The region of a single-region account.
pub(super) const FIRST: &str = "West Europe";

/// What the account document says about regions.
#[derive(Debug)]
pub(super) struct Regions {
    endpoints: Vec<(String, String)>,
    state: Mutex<RegionState>,
}

#[derive(Debug)]
struct RegionState {
    /// The write region.
    write: String,
    /// Regions that the document lists.
    listed: Vec<String>,
    changes: u32,
}

impl Regions {
    /// Regions as (name, endpoint); the first is the write region.
    pub(super) fn new(endpoints: Vec<(String, String)>) -> Self {
        let listed: Vec<_> = endpoints.iter().map(|(name, _)| name.clone()).collect();
        let write = listed.first().cloned().unwrap_or_default();
        Self { endpoints, state: Mutex::new(RegionState { write, listed, changes: 0 }) }
    }

    pub(super) fn move_writes_to(&self, name: &str) {
        let mut state = self.state();
        name.clone_into(&mut state.write);
        state.changes += 1;
    }

    pub(super) fn list(&self, names: &[&str]) {
        let mut state = self.state();
        state.listed = names.iter().map(|name| (*name).to_owned()).collect();
        state.changes += 1;
    }

    /// `writableLocations` of the document.
    pub(super) fn writable(&self) -> Value {
        let write = self.state().write.clone();
        self.locations(|name| name == write)
    }

    /// `readableLocations` of the document: the write region first, as in a real account.
    pub(super) fn readable(&self) -> Value {
        let (write, listed) = {
            let state = self.state();
            (state.write.clone(), state.listed.clone())
        };
        let mut locations = self.locations(|name| name == write && listed.iter().any(|listed| listed == name));
        let others = self.locations(|name| name != write && listed.iter().any(|listed| listed == name));
        if let (Some(locations), Value::Array(others)) = (locations.as_array_mut(), others) {
            locations.extend(others);
        }
        locations
    }

    /// An `ETag` that differs after every change.
    pub(super) fn version(&self) -> String {
        format!("\"{}\"", self.state().changes)
    }

    pub(super) fn takes_writes(&self, name: &str) -> bool {
        self.state().write == name
    }

    fn locations(&self, is_meant: impl Fn(&str) -> bool) -> Value {
        let meant = self.endpoints.iter().filter(|(name, _)| is_meant(name));
        meant.map(|(name, url)| json!({ "name": name, "databaseAccountEndpoint": url })).collect()
    }

    fn state(&self) -> MutexGuard<'_, RegionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
