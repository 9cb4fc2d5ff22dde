use super::head::{self, HeadCheck, Seen};
use super::node::{Node, NodeError, NodeUrl};
use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// How nodes are watched.
#[derive(Debug, Clone)]
pub struct WatchSettings {
    /// The nodes.
    pub nodes: Vec<NodeUrl>,
    /// How far from the head is near, in levels.
    pub threshold: u32,
    /// How often each node is asked.
    pub refresh: Duration,
    /// How old an answer may be.
    pub max_age: Duration,
    /// How long a node may take to answer.
    pub timeout: Duration,
}

/// Keeps the heads that nodes tell. Nodes are asked in the background, each by a task of its own; a check looks at what
/// they said last and waits for nothing. The tasks end with the watch.
pub struct HeadWatch {
    settings: WatchSettings,
    seen: Arc<Mutex<Vec<Option<Seen>>>>,
    asked_once: Arc<Semaphore>,
    _tasks: JoinSet<()>,
}

impl HeadWatch {
    /// Starts asking.
    ///
    /// # Errors
    /// If no HTTP client can be made, for want of certificates for instance.
    pub fn start(settings: WatchSettings) -> Result<Self, reqwest::Error> {
        let seen = Arc::new(Mutex::new(vec![None; settings.nodes.len()]));
        let asked_once = Arc::new(Semaphore::new(0));
        let mut tasks = JoinSet::new();
        for (index, url) in settings.nodes.iter().enumerate() {
            let node = Node::new(url.clone(), settings.timeout)?;
            if let Some(proxy) = url.proxy() {
                info!(event = "node_proxy", node = %url, proxy = %proxy, "this node is asked through a proxy");
            }
            tasks.spawn(watch(node, index, Arc::clone(&seen), Arc::clone(&asked_once), settings.refresh));
        }
        Ok(Self { settings, seen, asked_once, _tasks: tasks })
    }

    /// Waits until some node has told its head, or each has been asked once: right after the start, a head that is not
    /// known is one that nobody had the time to tell.
    pub async fn wait_for_first_answers(&self) {
        let nodes = u32::try_from(self.settings.nodes.len()).unwrap_or(u32::MAX);
        for answered in 1..=nodes {
            if self.knows_a_head() {
                return;
            }
            drop(self.asked_once.acquire_many(answered).await);
        }
    }

    /// Whether `level` is near the head of `chain`, by what the nodes said last.
    pub fn check(&self, chain: ChainId, level: NonNegative) -> HeadCheck {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        head::check(&seen, Instant::now(), self.settings.max_age, chain, level, self.settings.threshold)
    }

    /// Whether some node has told its head lately.
    pub fn knows_a_head(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().flatten().any(|seen| seen.at.elapsed() <= self.settings.max_age)
    }
}

async fn watch(
    node: Node,
    index: usize,
    seen: Arc<Mutex<Vec<Option<Seen>>>>,
    asked_once: Arc<Semaphore>,
    refresh: Duration,
) {
    let mut was_answering = None;
    let mut ticks = tokio::time::interval(refresh);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let answer = ask(&node).await;
        let is_answering = answer.is_ok();
        match answer {
            Ok(head) => {
                if was_answering != Some(true) {
                    info!(node = %node.url(), chain = %head.chain, level = head.level.get(), "following the head");
                }
                if let Some(place) = seen.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
                    *place = Some(head);
                }
            }
            Err(error) => {
                if was_answering != Some(false) {
                    let proxy = node.url().proxy().map(tracing::field::display);
                    warn!(node = %node.url(), proxy, reason = %error, "the node does not tell its head");
                }
            }
        }
        if was_answering.is_none() {
            asked_once.add_permits(1);
        }
        was_answering = Some(is_answering);
    }
}

/// The chain is asked for each time: a node may be set up for another one between two questions.
async fn ask(node: &Node) -> Result<Seen, NodeError> {
    let chain = node.chain().await?;
    node.head(chain).await
}
