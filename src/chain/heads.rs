//! Reads the nodes' heads once, for commands.

use super::WatchSettings;
use super::head::ObservedHead;
use super::node::{Node, NodeError};
use crate::net::backoff::Backoff;
use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use futures::future::join_all;
use time::OffsetDateTime;
use tokio::time::Instant;

/// The head of one node.
#[derive(Debug)]
pub struct NodeHead {
    /// The node's address, without secrets.
    pub node: String,
    /// The chain and level of the head, or why they are unknown.
    pub head: Result<(ChainId, NonNegative), NodeError>,
    /// The time in the head's header. A head from long ago means that the node is not synchronized, or that the chain halts.
    pub time: Option<OffsetDateTime>,
}

/// Reads the heads of all nodes in parallel. Failed requests are repeated until `deadline`.
pub async fn heads(settings: &WatchSettings, deadline: Instant) -> Vec<NodeHead> {
    join_all(settings.nodes.iter().map(async |url| {
        let (head, time) = match Node::new(url.clone(), settings.timeout) {
            Ok(node) => match head_of(&node, deadline).await {
                Ok((head, time)) => (Ok((head.chain, head.level)), time),
                Err(error) => (Err(error), None),
            },
            Err(error) => (Err(NodeError::Client(error)), None),
        };
        NodeHead { node: url.to_string(), head, time }
    }))
    .await
}

/// The highest head of a chain.
pub fn highest_head(heads: &[NodeHead], chain: ChainId) -> Option<NonNegative> {
    heads.iter().filter_map(|node| node.head.as_ref().ok()).filter(|head| head.0 == chain).map(|head| head.1).max()
}

async fn head_of(node: &Node, deadline: Instant) -> Result<(ObservedHead, Option<OffsetDateTime>), NodeError> {
    let mut backoff = Backoff::within_a_request();
    let mut last = None;
    loop {
        let both = async {
            let chain = node.chain().await?;
            let header = node.head_header(chain).await?;
            Ok((header.head, header.time))
        };
        match tokio::time::timeout_at(deadline, both).await {
            Ok(Ok(head)) => return Ok(head),
            Ok(Err(error)) => last = Some(error),
            Err(_) => return Err(last.unwrap_or(NodeError::TimedOut)),
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + backoff.pause(None))).await;
    }
}
