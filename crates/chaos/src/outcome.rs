//! What a season leaves behind: the history for the judge, and figures.

use crate::calm::Recovery;
use crate::error::SeasonError;
use crate::fleet::ActionCounts;
use crate::history::{History, Recorded, Recorder, Secret};
use crate::honest::RelayStats;
use crate::keys::{AUTHENTICATIONS_BEGIN, BakerKey};
use crate::stored::read;
use stand_ins::{Azure, Operation};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The result of a season.
pub(crate) struct Outcome {
    pub(crate) history: History,
    pub(crate) happened: Happened,
}

/// Counts of what was done to signers and services, and how an honest baker fared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Happened {
    pub(crate) faults: HashMap<(Operation, String), u64>,
    pub(crate) kills: u64,
    pub(crate) pauses: u64,
    pub(crate) jumps: u64,
    pub(crate) jumps_seen: u64,
    /// Relays killed.
    pub(crate) relay_kills: u64,
    /// Relays paused.
    pub(crate) relay_pauses: u64,
    /// Number of times that connections were frozen or refused, or tokens revoked.
    pub(crate) outages: u64,
    pub(crate) relay_stats: RelayStats,
    /// How long the slowest signer took to sign again after the last fault.
    pub(crate) recovery: Recovery,
}

impl Happened {
    /// Adds the counts of actions on signers.
    pub(crate) fn with(self, counts: &ActionCounts) -> Self {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Self {
            kills: count(&counts.kills),
            pauses: count(&counts.pauses),
            jumps: count(&counts.jumps),
            jumps_seen: count(&counts.jumps_seen),
            ..self
        }
    }
}

/// The history of a run with these services: everything recorded, and what the store accepted. Nothing that only some runs have, such
/// as spells or relays.
pub(crate) async fn history_of(
    recorder: &Recorder,
    azure: &Azure,
    keys: &[BakerKey],
    start: Instant,
    calm: Instant,
    deadline: Duration,
) -> Result<History, SeasonError> {
    let Recorded { exchanges, started, down, paused, troubles, lines, commands } = recorder.take();
    let (stored, stop_items) = read(&azure.cosmos.history().await)?;
    Ok(History {
        start,
        calm,
        deadline,
        keys: keys.iter().map(|key| (Arc::clone(&key.address), key.public_key.clone())).collect(),
        sealed: HashMap::new(),
        exchanges,
        stored,
        stop_items,
        commands,
        other_operations: azure.cosmos.requests(Operation::Other),
        started,
        down,
        paused,
        troubles,
        lines,
        secrets: secrets(azure),
        spells: Vec::new(),
        container_loss: None,
        honest: HashSet::new(),
        watched: None,
        relays: 0,
        other_store: None,
    })
}

/// The texts that no log of a signer or a relay may contain.
pub(crate) fn secrets(azure: &Azure) -> Vec<Secret> {
    let tokens = azure.identity.tokens().into_iter().map(|text| Secret { name: "a token", text });
    let others = [
        Secret { name: "the identity header", text: azure.identity.secret().to_owned() },
        Secret { name: "the authentication of a request", text: AUTHENTICATIONS_BEGIN.to_owned() },
    ];
    tokens.chain(others).collect()
}
