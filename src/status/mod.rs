//! One screen of what runs: the vault, the mark store, the nodes and the marks, read directly, and the instances, by their metrics.
//!
//! Nothing is written, signed or guessed: what cannot be read is [`State::Unknown`], with the reason.

mod exposition;
mod instance;
mod marks;
mod screen;
mod sealed;
mod sources;

pub use instance::{Instance, Upstream};
pub use screen::text;
pub use sources::Sources;

use crate::text::in_one_line;
use serde::Serialize;
use std::time::Duration;

/// Time limit for everything that is read of one service.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the screen is read once, or again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watching {
    /// Once.
    No,
    /// Again and again.
    Yes,
}

/// The state of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was read, and nothing is wrong.
    Ok,
    /// It works, but needs attention.
    Warning,
    /// It does not work.
    Failed,
    /// It could not be read.
    Unknown,
}

/// The state of one thing, and the reason if it is not ok.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// The state.
    pub state: State,
    /// Why it is not ok; `None` if it is.
    pub reason: Option<String>,
}

impl Condition {
    const OK: Self = Self { state: State::Ok, reason: None };

    fn of(state: State, reason: impl AsRef<str>) -> Self {
        Self { state, reason: Some(in_one_line(reason.as_ref())) }
    }

    fn unknown(reason: impl AsRef<str>) -> Self {
        Self::of(State::Unknown, reason)
    }
}

/// The vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vault {
    /// Its address, or the folder of the embedded vault.
    pub address: String,
    /// Its state.
    #[serde(flatten)]
    pub condition: Condition,
    /// Number of keys that can sign.
    pub usable_keys: Option<usize>,
    /// Number of keys that cannot sign now.
    pub unusable_keys: Option<usize>,
}

/// The sealed keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SealedKeys {
    /// The folder, the container, or both.
    pub address: String,
    /// Whether they could be read, and could be served. None is opened for this.
    #[serde(flatten)]
    pub condition: Condition,
    /// Number of sealed keys.
    pub keys: Option<usize>,
}

/// The mark store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Store {
    /// The address of the container, or the file of the embedded store.
    pub address: String,
    /// Its state.
    #[serde(flatten)]
    pub condition: Condition,
    /// The consistency of the account in Cosmos DB.
    pub consistency: Option<String>,
    /// The region that takes the writes.
    pub write_region: Option<String>,
}

/// A Tezos node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its address, without secrets.
    pub address: String,
    /// Its state.
    #[serde(flatten)]
    pub condition: Condition,
    /// The chain that it follows.
    pub chain: Option<String>,
    /// The level of its head.
    pub level: Option<u32>,
    /// The age of its head, in seconds.
    pub head_age_seconds: Option<i64>,
    /// How many levels it is behind the highest head of the same chain.
    pub levels_behind: Option<u32>,
}

/// All marks that were found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Marks {
    /// Whether they could be read.
    #[serde(flatten)]
    pub condition: Condition,
    /// The marks.
    pub list: Vec<Mark>,
}

/// A mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// The public key hash.
    pub key: String,
    /// The chain.
    pub chain: String,
    /// The name of the chain's network, if it is known.
    pub network: Option<&'static str>,
    /// Block, preattestation or attestation.
    pub kind: &'static str,
    /// Its state.
    #[serde(flatten)]
    pub condition: Condition,
    /// The level.
    pub level: Option<u32>,
    /// The round.
    pub round: Option<u32>,
    /// Levels from the mark to the highest head of its chain; negative if the mark is ahead.
    pub levels_behind_head: Option<i64>,
    /// How long ago it was written, in seconds.
    pub written_seconds_ago: Option<i64>,
    /// The instance that wrote it.
    pub written_by: Option<String>,
}

/// Everything on the screen.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The version of this program.
    pub version: &'static str,
    /// When it was read, in UTC (RFC 3339).
    pub time: String,
    /// The vault.
    pub vault: Vault,
    /// The sealed keys; `None` if neither a folder nor a container is set.
    pub sealed_keys: Option<SealedKeys>,
    /// The mark store.
    pub store: Store,
    /// The nodes of `NODE_URLS`.
    pub nodes: Vec<Node>,
    /// The signers and relays whose metrics were requested.
    pub instances: Vec<Instance>,
    /// The marks.
    pub marks: Marks,
}

/// How many things are not ok.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Warnings and failures.
    pub problems: usize,
    /// Things that could not be read.
    pub unknown: usize,
}

impl Status {
    /// Counts what is not ok.
    pub fn summary(&self) -> Summary {
        let one = [&self.vault.condition, &self.store.condition, &self.marks.condition].into_iter();
        let sealed = self.sealed_keys.iter().map(|keys| &keys.condition);
        let nodes = self.nodes.iter().map(|node| &node.condition);
        let instances = self.instances.iter().map(|instance| &instance.condition);
        let marks = self.marks.list.iter().map(|mark| &mark.condition);
        let mut summary = Summary::default();
        for condition in one.chain(sealed).chain(nodes).chain(instances).chain(marks) {
            match condition.state {
                State::Ok => {}
                State::Warning | State::Failed => summary.problems += 1,
                State::Unknown => summary.unknown += 1,
            }
        }
        summary
    }

    /// As JSON, with the field names of this module.
    ///
    /// # Errors
    /// Never, for these types.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

fn late() -> String {
    format!("no answer within {} s", READ_TIMEOUT.as_secs())
}
