//! What a node shows: a chain, or a part of it.

use oracle::chain::{Block, Chain, Hash};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A chain that nodes follow while a test extends it. Clones are the same chain.
#[derive(Debug, Clone)]
pub struct SharedChain(Arc<Mutex<Chain>>);

impl SharedChain {
    /// Shares a chain.
    pub fn new(chain: Chain) -> Self {
        Self(Arc::new(Mutex::new(chain)))
    }

    /// The chain, which nodes cannot read while it is locked.
    pub fn lock(&self) -> MutexGuard<'_, Chain> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another chain with the same past: for a fork, or for a node that lies.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self::new(self.lock().clone())
    }

    /// Adds a block to the head, with the votes of everyone.
    pub fn bake(&self) -> Hash {
        self.lock().bake()
    }
}

/// How a node follows its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeMode {
    /// It shows the chain's head.
    Synced,
    /// It shows the block this many levels below the head, and knows none above it.
    Behind(u32),
    /// It shows the head of the moment at which it halted, and knows no block above it.
    Halted,
    /// It accepts requests, and never answers them.
    Frozen,
}

/// The state of a node.
#[derive(Debug)]
pub(super) struct View(Mutex<State>);

#[derive(Debug)]
struct State {
    shown: Shown,
    mode: NodeMode,
    halted_at: Option<Hash>,
    is_restricted: bool,
    /// Blocks whose header is not returned as it is.
    garbled: HashSet<Hash>,
    /// How often the consensus operations of each block were requested.
    operations_read: HashMap<String, u32>,
}

/// The source of what is shown.
#[derive(Debug)]
pub(super) enum Shown {
    /// Only a level.
    Level {
        /// `Net…`.
        chain: String,
        /// The level of the head.
        level: u32,
    },
    /// A chain.
    Chain(SharedChain),
}

/// What to answer from.
#[derive(Debug)]
pub(super) enum Source {
    /// Only a level.
    Level { chain: String, level: u32 },
    /// A chain, and the hash of the head that is shown.
    Chain(SharedChain, Hash),
}

impl View {
    pub(super) fn new(shown: Shown) -> Self {
        let (garbled, operations_read) = (HashSet::new(), HashMap::new());
        let (mode, halted_at, is_restricted) = (NodeMode::Synced, None, false);
        Self(Mutex::new(State { shown, mode, halted_at, is_restricted, garbled, operations_read }))
    }

    pub(super) fn set_level(&self, new: u32) {
        if let Shown::Level { level, .. } = &mut self.lock().shown {
            *level = new;
        }
    }

    pub(super) fn follow(&self, chain: SharedChain) {
        let mut state = self.lock();
        state.halted_at = Some(chain.lock().head().hash).filter(|_| state.mode == NodeMode::Halted);
        state.shown = Shown::Chain(chain);
    }

    pub(super) fn set_mode(&self, mode: NodeMode) {
        let mut state = self.lock();
        state.halted_at = match &state.shown {
            Shown::Chain(chain) if mode == NodeMode::Halted => Some(chain.lock().head().hash),
            _ => None,
        };
        state.mode = mode;
    }

    pub(super) fn restrict(&self, restricted: bool) {
        self.lock().is_restricted = restricted;
    }

    pub(super) fn is_restricted(&self) -> bool {
        self.lock().is_restricted
    }

    pub(super) fn garble(&self, block: Hash, garbled: bool) {
        let blocks = &mut self.lock().garbled;
        if garbled {
            blocks.insert(block)
        } else {
            blocks.remove(&block)
        };
    }

    pub(super) fn is_garbled(&self, identifier: &str) -> bool {
        self.lock().garbled.iter().any(|block| oracle::base58::BLOCK.encode(block) == identifier)
    }

    pub(super) fn note_operations_read(&self, block: &str) {
        *self.lock().operations_read.entry(block.to_owned()).or_default() += 1;
    }

    pub(super) fn operations_read(&self) -> HashMap<String, u32> {
        self.lock().operations_read.clone()
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.lock().mode == NodeMode::Frozen
    }

    pub(super) fn source(&self) -> Source {
        let state = self.lock();
        match &state.shown {
            Shown::Level { chain, level } => Source::Level { chain: chain.clone(), level: *level },
            Shown::Chain(shared) => {
                let chain = shared.lock();
                let head = chain.head().hash;
                let head = match (state.mode, state.halted_at) {
                    (NodeMode::Behind(levels), _) => chain.ancestor(&head, levels).map_or(head, |block| block.hash),
                    (_, halted_at) => halted_at.unwrap_or(head),
                };
                Source::Chain(shared.clone(), head)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The block for a block identifier: `head`, a level or a hash, and optionally `~` and how many levels below. A node knows the blocks
/// of other branches, but none above its head.
pub(super) fn find<'a>(chain: &'a Chain, head: &Hash, identifier: &str) -> Option<&'a Block> {
    let (base, below) = identifier.split_once(['~', '-']).unwrap_or((identifier, "0"));
    let top = chain.block(head)?.header.level;
    let base = match (base, base.parse::<i32>()) {
        ("head", _) => *head,
        (_, Ok(level)) => chain.ancestor(head, u32::try_from(top.checked_sub(level)?).ok()?)?.hash,
        (text, _) => oracle::base58::BLOCK.decode(text)?.try_into().ok()?,
    };
    chain.ancestor(&base, below.parse().ok()?).filter(|block| block.header.level <= top)
}
