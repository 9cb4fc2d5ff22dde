//! What is read from a node: the last blocks, for a command; rights, and the standing of delegates.

use super::Cycle;
use super::branch::Link;
use super::rights::Rights;
use super::standing::Standing;
use crate::chain::blocks::{Header, NodeReader, ReadError};
use crate::chain::{NodeError, NodeUrl};
use crate::tezos::payload::NonNegative;
use crate::tezos::{ChainId, PublicKeyHash};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A node, for participation.
pub struct ChainSource {
    reader: NodeReader,
}

/// Levels in one request for rights: a node computes the rights of a level in milliseconds.
pub(super) const LEVELS_IN_QUERY: u32 = 8;

/// Keys in one request for rights, which has them in its URL.
const MAX_KEYS_IN_QUERY: usize = 32;

/// The highest round of which the right to bake is read. Later ones hardly ever begin.
const MAX_ROUND: u32 = 4;

/// An answer about rights: each is some 250 bytes.
const MAX_RIGHTS_BYTES: usize = 1024 * 1024;

const HEAD: &str = "/chains/main/blocks/head";

impl ChainSource {
    /// `limit` is the timeout of each request. Sends none yet.
    ///
    /// # Errors
    /// If an HTTP client cannot be created.
    pub fn new(url: &NodeUrl, limit: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self { reader: NodeReader::new(url.clone(), limit)? })
    }

    /// The node's address.
    pub const fn url(&self) -> &NodeUrl {
        self.reader.url()
    }

    /// The chain that the node follows.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) async fn chain(&self) -> Result<ChainId, ReadError> {
        self.reader.chain().await
    }

    /// The headers of the last blocks, at most `limit`, the newest first. A node does not keep all old blocks.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) async fn headers(&self, chain: ChainId, limit: usize) -> Result<Vec<Header>, ReadError> {
        let mut newest_first = vec![self.reader.head(chain).await?];
        while let (Some(oldest), true) = (newest_first.last(), newest_first.len() < limit) {
            if oldest.is_first() {
                break;
            }
            match self.reader.header(chain, oldest.predecessor).await {
                Ok(header) => newest_first.push(header),
                Err(error) if error.is_end_of_walk() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(newest_first)
    }

    /// A block with the attestations of these keys that it includes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(super) async fn link(&self, header: &Header, keys: &Arc<BTreeSet<PublicKeyHash>>) -> Result<Link, ReadError> {
        let receipts = self.reader.votes(header.hash, keys).await?;
        Ok(Link::new(header, Arc::clone(keys), &receipts.votes))
    }

    /// Adds the rights of these keys at some levels from `first` on.
    ///
    /// # Errors
    /// [`NodeError`]. A node that listens on a public address refuses requests for rights by default.
    pub async fn add_rights(
        &self,
        rights: &mut Rights,
        first: NonNegative,
        keys: &[PublicKeyHash],
    ) -> Result<(), NodeError> {
        const TO_VOTE: &str = "/helpers/attestation_rights";
        const TO_BAKE: &str = "/helpers/baking_rights";
        const EXPECTED: &str = "a list of rights";
        let levels: Vec<_> =
            (first.get()..first.get() + LEVELS_IN_QUERY).map(|level| format!("level={level}")).collect();
        for keys in keys.chunks(MAX_KEYS_IN_QUERY) {
            let keys = keys.iter().map(|key| format!("consensus_key={key}"));
            let query = levels.iter().cloned().chain(keys).collect::<Vec<_>>().join("&");
            let path = format!("{HEAD}{TO_VOTE}?{query}");
            let json = self.reader.node().read_bytes(&path, TO_VOTE, EXPECTED, MAX_RIGHTS_BYTES).await?;
            rights.add_votes(&json).map_err(|_| NodeError::Unreadable { path: TO_VOTE, expected: EXPECTED })?;
            let path = format!("{HEAD}{TO_BAKE}?{query}&max_round={MAX_ROUND}&all=true");
            let json = self.reader.node().read_bytes(&path, TO_BAKE, EXPECTED, MAX_RIGHTS_BYTES).await?;
            rights.add_blocks(&json).map_err(|_| NodeError::Unreadable { path: TO_BAKE, expected: EXPECTED })?;
        }
        Ok(())
    }

    /// The current cycle.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn cycle(&self) -> Result<Cycle, NodeError> {
        #[derive(Deserialize)]
        struct CurrentLevel {
            level: u32,
            cycle: u32,
            cycle_position: u32,
        }
        #[derive(Deserialize)]
        struct Constants {
            blocks_per_cycle: u32,
        }
        const LEVEL: &str = "/helpers/current_level";
        const CONSTANTS: &str = "/context/constants";
        const EXPECTED: &str = "a level with its cycle";
        const OF_CONSTANTS: &str = "the protocol's constants";
        let CurrentLevel { level, cycle, cycle_position } =
            self.reader.node().read(&format!("{HEAD}{LEVEL}"), LEVEL, EXPECTED).await?;
        let constants: Constants =
            self.reader.node().read(&format!("{HEAD}{CONSTANTS}"), CONSTANTS, OF_CONSTANTS).await?;
        let first = level.saturating_sub(cycle_position);
        let cycle = Cycle::new(cycle, first, constants.blocks_per_cycle);
        cycle.ok_or(NodeError::Unreadable { path: CONSTANTS, expected: OF_CONSTANTS })
    }

    /// How a delegate stands in the current cycle; `None` if it is not a delegate.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn standing(&self, delegate: &PublicKeyHash) -> Result<Option<Standing>, NodeError> {
        const PARTICIPATION: &str = "/context/delegates/<delegate>/participation";
        let path = format!("{HEAD}/context/delegates/{delegate}/participation");
        match self.reader.node().read(&path, PARTICIPATION, "the participation of a delegate").await {
            Ok(standing) => Ok(Some(standing)),
            Err(NodeError::Status { status: 404 | 500, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
