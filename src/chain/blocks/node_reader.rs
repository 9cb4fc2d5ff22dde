//! Reads blocks from a node. Every request names a block by its hash, except that of the head.

use super::super::node::{Node, NodeError, NodeUrl};
use super::header::{Header, InvalidHeader};
use super::receipts::{self, NotOperations, Receipts};
use crate::background::unblocked;
use crate::tezos::{BlockHash, ChainId, PublicKeyHash};
use serde::Deserialize;
use std::collections::{BTreeSet, HashSet};
use std::time::Duration;
use thiserror::Error;

/// Reads blocks from one node, over connections of its own: a slow answer delays no poll of the head.
pub struct NodeReader {
    node: Node,
}

/// Why a block could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The node did not answer as expected.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The header is not one that this release understands.
    #[error("the header of {block}: {reason}")]
    Header {
        /// The requested block.
        block: String,
        /// Why.
        reason: InvalidHeader,
    },
    /// The header is that of another block.
    #[error("the header that was returned for {requested} is that of {found}")]
    OtherBlock {
        /// The requested block.
        requested: BlockHash,
        /// The block that it belongs to.
        found: BlockHash,
    },
    /// The consensus operations are unreadable.
    #[error("the consensus operations of {block}: {reason}")]
    Operations {
        /// The requested block.
        block: BlockHash,
        /// Why.
        reason: NotOperations,
    },
}

impl ReadError {
    /// Whether the node did not answer.
    pub const fn is_no_answer(&self) -> bool {
        matches!(self, Self::Node(NodeError::Client(_) | NodeError::NoAnswer(_) | NodeError::TimedOut))
    }

    /// Whether a walk back along the predecessors ends at this block: the node does not have it, or no longer has it, or it has the
    /// requested hash, but is not of a protocol that this release understands.
    pub const fn is_end_of_walk(&self) -> bool {
        matches!(
            self,
            Self::Node(NodeError::Status { status: 404, .. })
                | Self::Header { reason: InvalidHeader::Malformed(_), .. }
        )
    }
}

/// Enough for thousands of votes with their metadata, of about 1 KB each: a block has one at most for each baker.
const MAX_OPERATIONS_BYTES: usize = 8 * 1024 * 1024;

/// Enough for any header, in hexadecimal digits.
const MAX_HEADER_ANSWER_BYTES: usize = 64 * 1024;

const OPERATIONS: &str = "/chains/main/blocks/<block>/operations/0";
const HEADER: &str = "/chains/main/blocks/<block>/header/raw";
const COMPANION: &str = "/chains/main/blocks/<block>/context/delegates/<delegate>/companion_key";

impl NodeReader {
    /// A reader for this node. `limit` is the timeout of each request. Sends none yet.
    ///
    /// # Errors
    /// If the HTTP client cannot be created.
    pub fn new(url: NodeUrl, limit: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self { node: Node::new(url, limit)? })
    }

    /// The node's address.
    pub const fn url(&self) -> &NodeUrl {
        self.node.url()
    }

    /// The client of the node, for what is not in blocks.
    pub(crate) const fn node(&self) -> &Node {
        &self.node
    }

    /// The chain that the node follows.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn chain(&self) -> Result<ChainId, ReadError> {
        Ok(self.node.chain().await?)
    }

    /// The header of the head.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn head(&self, chain: ChainId) -> Result<Header, ReadError> {
        let json = self.raw_header("head").await?;
        Header::read(chain, &json).map_err(|reason| ReadError::Header { block: "head".to_owned(), reason })
    }

    /// The header of a block.
    ///
    /// # Errors
    /// [`ReadError`], also if it does not hash to the block's hash.
    pub async fn header(&self, chain: ChainId, block: BlockHash) -> Result<Header, ReadError> {
        let json = self.raw_header(&block.to_string()).await?;
        let invalid = |reason| ReadError::Header { block: block.to_string(), reason };
        let found = Header::hash(&json).map_err(invalid)?;
        if found != block {
            return Err(ReadError::OtherBlock { requested: block, found });
        }
        Header::read(chain, &json).map_err(invalid)
    }

    /// The votes with these consensus keys that a block contains.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn votes(&self, block: BlockHash, keys: &BTreeSet<PublicKeyHash>) -> Result<Receipts, ReadError> {
        let path = format!("/chains/main/blocks/{block}/operations/0");
        let json = self.node.read_bytes(&path, OPERATIONS, "consensus operations", MAX_OPERATIONS_BYTES).await?;
        let wanted: HashSet<String> = keys.iter().map(PublicKeyHash::to_string).collect();
        // Signing must not wait for a thread that reads a large block.
        let receipts = unblocked(move || receipts::read(&json, |voter| wanted.contains(voter.consensus_key))).await;
        receipts.map_err(|reason| ReadError::Operations { block, reason })
    }

    /// The companion key that the delegate uses at the level after this block; `None` if it has none.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn companion(
        &self,
        after: BlockHash,
        delegate: &PublicKeyHash,
    ) -> Result<Option<PublicKeyHash>, ReadError> {
        #[derive(Deserialize)]
        struct KeysJson {
            active: Option<KeyJson>,
        }
        #[derive(Deserialize)]
        struct KeyJson {
            pkh: String,
        }
        const EXPECTED: &str = "a companion key";
        let path = format!("/chains/main/blocks/{after}/context/delegates/{delegate}/companion_key");
        let keys: KeysJson = self.node.read(&path, COMPANION, EXPECTED).await?;
        let active = keys.active.map(|key| key.pkh.parse()).transpose();
        Ok(active.map_err(|_| NodeError::Unreadable { path: COMPANION, expected: EXPECTED })?)
    }

    async fn raw_header(&self, block: &str) -> Result<Vec<u8>, ReadError> {
        let path = format!("/chains/main/blocks/{block}/header/raw");
        Ok(self.node.read_bytes(&path, HEADER, "a block header", MAX_HEADER_ANSWER_BYTES).await?)
    }
}
