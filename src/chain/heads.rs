use super::WatchSettings;
use super::node::Node;
use crate::net::backoff::Backoff;
use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use futures::future::join_all;
use tokio::time::Instant;

/// What one node answered when it was asked for its head once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeHead {
    /// The node, without anything secret of its address.
    pub node: String,
    /// Its chain and level, or why it did not say.
    pub head: Result<(ChainId, NonNegative), String>,
}

/// Asks all nodes at once for their heads. One that does not answer is asked again until `deadline`.
pub async fn heads(settings: &WatchSettings, deadline: Instant) -> Vec<NodeHead> {
    join_all(settings.nodes.iter().map(async |url| {
        let head = match Node::new(url.clone(), settings.timeout) {
            Ok(node) => ask(&node, deadline).await,
            Err(error) => Err(error.to_string()),
        };
        NodeHead { node: url.to_string(), head }
    }))
    .await
}

/// The highest head of a chain.
pub fn highest_head(heads: &[NodeHead], chain: ChainId) -> Option<NonNegative> {
    heads.iter().filter_map(|node| node.head.as_ref().ok()).filter(|head| head.0 == chain).map(|head| head.1).max()
}

async fn ask(node: &Node, deadline: Instant) -> Result<(ChainId, NonNegative), String> {
    let mut backoff = Backoff::within_a_request();
    let mut last = None;
    loop {
        let both = async {
            let chain = node.chain().await?;
            node.head(chain).await
        };
        match tokio::time::timeout_at(deadline, both).await {
            Ok(Ok(head)) => return Ok((head.chain, head.level)),
            Ok(Err(error)) => last = Some(error.to_string()),
            Err(_) => return Err(last.unwrap_or_else(|| "no answer".to_owned())),
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + backoff.pause(None))).await;
    }
}
