//! A chain as the protocol builds it: blocks, votes, rounds, branches, and the keys that may sign them.
//!
//! It follows the protocol's rules (Octez, `src/proto_025_PsUshuai/lib_protocol`), and shares nothing with the signer. What is a
//! legitimate history follows from these rules, in [`history`]; [`Chain::add`] accepts nothing else, and [`Chain::add_anyway`] is
//! for a node that lies.
//!
//! ```
//! use oracle::chain::{Baker, Chain, Key, Network};
//! use oracle::crypto::Curve;
//! use oracle::payload::consensus::Kind;
//!
//! let bakers: Vec<_> = ["a", "b", "c", "d"].map(|name| Baker::new(Key::of_name(Curve::P256, name))).into();
//! let mut chain = Chain::new(Network::new(bakers), 15_900_000, 1_796_000_000);
//! let first = chain.bake();
//! // The same block again in round 1, and a block on top without the vote of one baker.
//! let preattestations = chain.votes(Kind::Preattestation, &first);
//! let again = chain.on(&chain.block(&first).unwrap().header.predecessor).at_round(1);
//! let again = again.reproposing(chain.block(&first).unwrap(), preattestations).sign();
//! let again = chain.add(again).unwrap();
//! assert_eq!(chain.head().hash, again);
//! let next = chain.on(&first).without(2).sign();
//! assert_eq!(chain.add(next).map(|hash| chain.head().hash == hash), Ok(true));
//! ```

mod baker;
mod block;
mod draft;
pub mod history;
mod network;
mod operation;
mod rules;
mod slashing;
mod vote;

pub use baker::{Baker, Key};
pub use block::{Block, Header, PROTOCOL_LEVEL, VALIDATION_PASSES};
pub use draft::Draft;
pub use network::Network;
pub use operation::{Aggregate, Operation};
pub use rules::Invalid;
pub use slashing::{Denunciation, Participation};
pub use vote::{SignedVote, Vote};

use crate::crypto::digest;
use crate::payload::consensus::Kind;
use slashing::Slashing;
use std::collections::HashMap;
use std::sync::Arc;

/// The hash of a block, of a payload or of an operation.
pub type Hash = [u8; 32];

/// Blocks with their branches, of which one ends in the head. A clone is another chain with the same past.
#[derive(Debug, Clone)]
pub struct Chain {
    network: Arc<Network>,
    blocks: HashMap<Hash, Arc<Block>>,
    root: Hash,
    head: Hash,
    slashing: Slashing,
}

impl Chain {
    /// A chain whose first known block has this level, round 0 and this time, in seconds since 1970.
    pub fn new(network: Network, level: i32, timestamp: i64) -> Self {
        let header = Header {
            level,
            round: 0,
            locked_round: None,
            predecessor: digest(b"predecessor"),
            predecessor_round: 0,
            timestamp,
            operations_hash: digest(b"operations"),
            payload_hash: digest(b"payload"),
            payload_round: 0,
            nonce: 0,
        };
        let key = &network.consensus_key(network.proposer(level, 0), level).secret;
        let signature = key.sign(&header.signed_bytes(&network), crate::crypto::Scheme::ProofOfPossession);
        let root = Arc::new(Block::new(header, signature, Vec::new()));
        Self {
            network: Arc::new(network),
            root: root.hash,
            head: root.hash,
            blocks: HashMap::from([(root.hash, root)]),
            slashing: Slashing::default(),
        }
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Changes the network from now on. Past blocks are shown with the changed one, too.
    pub fn network_mut(&mut self) -> &mut Network {
        Arc::make_mut(&mut self.network)
    }

    /// The block at the head.
    ///
    /// # Panics
    /// Never: the head is a block of the chain.
    #[allow(clippy::indexing_slicing, reason = "the head is a block of the chain")]
    pub fn head(&self) -> &Block {
        &self.blocks[&self.head]
    }

    /// A block.
    pub fn block(&self, hash: &Hash) -> Option<&Block> {
        self.blocks.get(hash).map(AsRef::as_ref)
    }

    /// The block `distance` levels below this one, on its branch.
    pub fn ancestor(&self, hash: &Hash, distance: u32) -> Option<&Block> {
        (0..distance).try_fold(self.block(hash)?, |block, _| self.block(&block.header.predecessor))
    }

    /// The blocks from this one down to the first known one.
    pub fn branch(&self, hash: &Hash) -> impl Iterator<Item = &Block> {
        std::iter::successors(self.block(hash), |block| self.block(&block.header.predecessor))
    }

    /// The vote of a baker for a block, without DAL content. `None` for an unknown block.
    pub fn vote(&self, baker: usize, kind: Kind, block: &Hash) -> Option<Vote> {
        Some(self.vote_for(baker, kind, &self.block(block)?.header))
    }

    /// The vote of a baker for a block that need not be on the chain.
    pub fn vote_for(&self, baker: usize, kind: Kind, header: &Header) -> Vote {
        // The block below the predecessor of what is voted on; below the first known block, any hash will do.
        let parent = self.block(&header.predecessor);
        let branch = parent.map_or(header.predecessor, |parent| parent.header.predecessor);
        let Header { level, round, payload_hash, .. } = *header;
        Vote { baker, kind, level, round, payload_hash, branch, dal: None }
    }

    /// The votes of all bakers for a block, signed.
    pub fn votes(&self, kind: Kind, block: &Hash) -> Vec<SignedVote> {
        let votes = (0..self.network.bakers.len()).filter_map(|baker| self.vote(baker, kind, block));
        votes.map(|vote| vote.signed(&self.network)).collect()
    }

    /// The attestations of all bakers for a block.
    pub fn attestations(&self, block: &Hash) -> Vec<SignedVote> {
        self.votes(Kind::Attestation, block)
    }

    /// A block to propose on top of this one.
    ///
    /// # Panics
    /// If the block is not on the chain.
    #[allow(clippy::panic, reason = "a test with a block of another chain is wrong")]
    pub fn on(&self, parent: &Hash) -> Draft<'_> {
        let parent = self.block(parent).unwrap_or_else(|| panic!("the block is not on the chain"));
        Draft::new(self, parent)
    }

    /// Adds a block that the protocol accepts, and makes it the head if its fitness is higher.
    ///
    /// # Errors
    /// [`Invalid`].
    pub fn add(&mut self, block: Block) -> Result<Hash, Invalid> {
        let parent = self.block(&block.header.predecessor).ok_or(Invalid::Predecessor)?;
        rules::check(&block, parent, &self.network)?;
        let is_better = block.header.weight() > self.head().header.weight();
        let hash = self.insert(block);
        if is_better {
            self.head = hash;
        }
        Ok(hash)
    }

    /// Adds a block that need not be valid, and makes it the head: what a lying node shows, or a node that is being attacked.
    pub fn add_anyway(&mut self, block: Block) -> Hash {
        self.head = self.insert(block);
        self.head
    }

    /// Adds a block with the votes of everyone to the head, in round 0.
    ///
    /// # Panics
    /// Never: the block is valid.
    #[allow(clippy::expect_used, reason = "the block is valid")]
    pub fn bake(&mut self) -> Hash {
        let block = self.on(&self.head).sign();
        self.add(block).expect("a valid block")
    }

    /// Forgets the blocks below a level, so that a long history needs little memory.
    pub fn forget_below(&mut self, level: i32) {
        self.blocks.retain(|_, block| block.header.level >= level);
    }

    fn insert(&mut self, block: Block) -> Hash {
        let hash = block.hash;
        self.blocks.insert(hash, Arc::new(block));
        hash
    }
}
