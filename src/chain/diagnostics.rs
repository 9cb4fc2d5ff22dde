//! Requests that the doctor sends to a node.

use super::node::{CHAIN_ID, HEAD, Node, NodeError, NodeUrl};
use crate::tezos::ChainId;
use serde::Deserialize;
use std::time::Duration;
use time::OffsetDateTime;

/// A node as the doctor examines it: its head, and whether it keeps up with the chain.
pub(crate) struct Inspection(Node);

/// The head of a node with its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct TimedHead {
    pub(crate) level: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) timestamp: OffsetDateTime,
}

/// A node's synchronisation state (`src/lib_shell_services/chain_services.ml` in Octez).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Synchronisation {
    pub(crate) bootstrapped: bool,
    /// `synced`, `unsynced` or `stuck`.
    pub(crate) sync_state: String,
}

const SYNCHRONISATION: &str = "/chains/main/is_bootstrapped";

impl Inspection {
    /// Sends no request yet. `limit` is the timeout of each request.
    pub(crate) fn new(url: NodeUrl, limit: Duration) -> Result<Self, reqwest::Error> {
        Ok(Self(Node::new(url, limit)?))
    }

    pub(crate) async fn chain(&self) -> Result<ChainId, NodeError> {
        self.0.chain().await
    }

    pub(crate) async fn head(&self) -> Result<TimedHead, NodeError> {
        self.0.get(HEAD, "a block header").await
    }

    pub(crate) async fn synchronisation(&self) -> Result<Synchronisation, NodeError> {
        self.0.get(SYNCHRONISATION, "a synchronisation state").await
    }

    /// A cheap request, for the headers of its response.
    pub(crate) fn cheap_request(&self) -> reqwest::RequestBuilder {
        self.0.request(CHAIN_ID)
    }
}
