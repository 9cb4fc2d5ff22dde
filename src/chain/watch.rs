//! Polls the nodes' heads in the background, so that checks never wait.

use super::head::{self, HeadCheck, ObservedHead};
use super::node::{Node, NodeError, NodeUrl};
use crate::background::keep_running;
use crate::tezos::payload::NonNegative;
use crate::tezos::{ChainId, Digest};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch as channel};
use tokio::task::JoinSet;
use tracing::{info, warn};

/// How nodes are polled.
#[derive(Debug, Clone)]
pub struct WatchSettings {
    /// The nodes.
    pub nodes: Vec<NodeUrl>,
    /// The maximum distance from the head, in levels.
    pub threshold: u32,
    /// The polling interval.
    pub refresh: Duration,
    /// The maximum age of a response.
    pub max_age: Duration,
    /// The timeout of a request.
    pub timeout: Duration,
}

/// Follows the nodes' heads. One background task per node polls it, and a check uses the last responses. The tasks end when
/// the watch is dropped.
pub struct HeadWatch {
    settings: WatchSettings,
    heads: Arc<Mutex<Vec<Option<ObservedHead>>>>,
    changes: Vec<channel::Receiver<Option<HeadChange>>>,
    first_polls: Arc<Semaphore>,
    _tasks: JoinSet<Infallible>,
}

/// A node has another head than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadChange {
    /// The chain that the node follows.
    pub chain: ChainId,
    /// The digest of the new head's shell header, as the node writes it.
    pub header: Digest,
}

impl HeadWatch {
    /// Starts polling.
    ///
    /// # Errors
    /// If an HTTP client cannot be created, for example without CA certificates.
    pub fn start(settings: WatchSettings) -> Result<Self, reqwest::Error> {
        let heads = Arc::new(Mutex::new(vec![None; settings.nodes.len()]));
        let first_polls = Arc::new(Semaphore::new(0));
        let mut tasks = JoinSet::new();
        let mut changes = Vec::new();
        for (index, url) in settings.nodes.iter().enumerate() {
            let node = Node::new(url.clone(), settings.timeout)?;
            if let Some(proxy) = url.proxy() {
                info!(event = "node_proxy", node = %url, proxy = %proxy, "using a proxy for this node");
            }
            let (change, changes_of_node) = channel::channel(None);
            changes.push(changes_of_node);
            let slot = Slot { index, heads: Arc::clone(&heads), change, first_polls: Arc::clone(&first_polls) };
            tasks.spawn(watch(node, slot, settings.refresh));
        }
        Ok(Self { settings, heads, changes, first_polls, _tasks: tasks })
    }

    /// Waits until a head is known, or each node has been polled once: right after the start, an unknown head only means that
    /// no node has had the time to answer.
    pub async fn wait_for_first_answers(&self) {
        let nodes = u32::try_from(self.settings.nodes.len()).unwrap_or(u32::MAX);
        for answered in 1..=nodes {
            if self.has_recent_head() {
                return;
            }
            drop(self.first_polls.acquire_many(answered).await);
        }
    }

    /// Waits until each node has been polled once, whether it answered or not.
    pub async fn wait_for_all_first_answers(&self) {
        let nodes = u32::try_from(self.settings.nodes.len()).unwrap_or(u32::MAX);
        drop(self.first_polls.acquire_many(nodes).await);
    }

    /// Whether `level` is near the head of `chain`, according to the last responses.
    pub fn check(&self, chain: ChainId, level: NonNegative) -> HeadCheck {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        head::check(&heads, Instant::now(), self.settings.max_age, chain, level, self.settings.threshold)
    }

    /// The highest head of the chain that was reported last, and when any node last reported a head of it; `None` before the first.
    pub fn latest(&self) -> Option<ObservedHead> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let last = heads.iter().flatten().max_by_key(|head| head.at)?;
        let level = heads.iter().flatten().filter(|head| head.chain == last.chain).map(|head| head.level).max();
        level.map(|level| ObservedHead { level, ..*last })
    }

    /// Each node's changes of its head, in the order of the settings.
    pub fn changes(&self) -> Vec<channel::Receiver<Option<HeadChange>>> {
        self.changes.clone()
    }

    /// The chains that the nodes follow, as far as they have answered.
    pub fn chains(&self) -> Vec<ChainId> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut chains = Vec::new();
        for head in heads.iter().flatten() {
            if !chains.contains(&head.chain) {
                chains.push(head.chain);
            }
        }
        chains
    }

    /// The nodes that follow a chain according to their last answer, however old it is, by their place in the settings.
    pub fn following(&self, chain: ChainId) -> BTreeSet<usize> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let following = heads.iter().enumerate().filter(|(_, head)| head.is_some_and(|head| head.chain == chain));
        following.map(|(index, _)| index).collect()
    }

    /// The highest head of a chain that a node reported last.
    pub fn highest(&self, chain: ChainId) -> Option<NonNegative> {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.iter().flatten().filter(|head| head.chain == chain).map(|head| head.level).max()
    }

    /// The highest level of a chain that is near a head: `HEAD_THRESHOLD` levels above the highest one.
    pub fn highest_plausible(&self, chain: ChainId) -> Option<NonNegative> {
        let level = self.highest(chain)?.get().saturating_add(self.settings.threshold);
        Some(NonNegative::try_from(level).unwrap_or(NonNegative::MAX))
    }

    /// Whether any node has reported its head recently.
    pub fn has_recent_head(&self) -> bool {
        let heads = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        heads.iter().flatten().any(|head| head.at.elapsed() <= self.settings.max_age)
    }
}

/// The last response of one node.
struct Slot {
    index: usize,
    heads: Arc<Mutex<Vec<Option<ObservedHead>>>>,
    change: channel::Sender<Option<HeadChange>>,
    first_polls: Arc<Semaphore>,
}

async fn watch(node: impl HeadSource, slot: Slot, refresh: Duration) -> Infallible {
    // Outlives a restart of the task, so that the first poll of a node is counted once.
    let was_answering = Answering::default();
    keep_running("head of the chain", || follow(&node, &slot, &was_answering, refresh)).await
}

async fn follow(node: &impl HeadSource, slot: &Slot, was_answering: &Answering, refresh: Duration) {
    let mut ticks = tokio::time::interval(refresh);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let answer = node.poll_head().await;
        let is_answering = answer.is_ok();
        let before = was_answering.replace(is_answering);
        match answer {
            Ok((head, header)) => {
                if before != Some(true) {
                    info!(event = "node_available", node = %node.url(), chain = %head.chain, level = head.level.get(), "following the head");
                }
                if let Some(last) = slot.heads.lock().unwrap_or_else(PoisonError::into_inner).get_mut(slot.index) {
                    *last = Some(head);
                }
                let now = Some(HeadChange { chain: head.chain, header });
                slot.change.send_if_modified(|last| std::mem::replace(last, now) != now);
            }
            Err(error) => {
                if before != Some(false) {
                    let proxy = node.url().proxy().map(tracing::field::display);
                    warn!(event = "node_unavailable", node = %node.url(), proxy, reason = %error, "cannot read the node's head");
                }
            }
        }
        if before.is_none() {
            slot.first_polls.add_permits(1);
        }
    }
}

/// Whether the last poll succeeded; `None` before the first one.
#[derive(Default)]
struct Answering(Mutex<Option<bool>>);

impl Answering {
    fn replace(&self, now: bool) -> Option<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now)
    }
}

/// Where heads come from: a node, or a fake in tests.
trait HeadSource: Send + Sync {
    fn url(&self) -> &NodeUrl;

    /// The head, and the digest of its header.
    fn poll_head(&self) -> impl Future<Output = Result<(ObservedHead, Digest), NodeError>> + Send;
}

impl HeadSource for Node {
    fn url(&self) -> &NodeUrl {
        self.url()
    }

    /// Requests the chain each time, since a node may be reconfigured for another one.
    async fn poll_head(&self) -> Result<(ObservedHead, Digest), NodeError> {
        let chain = self.chain().await?;
        let header = self.head_header(chain).await?;
        Ok((header.head, header.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Panics at the first poll.
    struct Faulty(NodeUrl, AtomicUsize);

    impl HeadSource for Faulty {
        fn url(&self) -> &NodeUrl {
            &self.0
        }

        async fn poll_head(&self) -> Result<(ObservedHead, Digest), NodeError> {
            assert!(self.1.fetch_add(1, Ordering::Relaxed) > 0, "deliberate");
            let chain = "NetXdQprcVkpaWU".parse().unwrap();
            let head = ObservedHead { chain, level: 7.try_into().unwrap(), at: Instant::now() };
            Ok((head, Digest::of(b"header")))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn polling_continues_after_a_panic() {
        let (heads, first_polls) = (Arc::new(Mutex::new(vec![None])), Arc::new(Semaphore::new(0)));
        let (change, mut changes) = channel::channel(None);
        let slot = Slot { index: 0, heads: Arc::clone(&heads), change, first_polls: Arc::clone(&first_polls) };
        let node = Faulty("https://node.example".parse().unwrap(), AtomicUsize::new(0));
        let watching = tokio::spawn(watch(node, slot, Duration::from_secs(1)));
        drop(first_polls.acquire().await.unwrap());
        assert_eq!(heads.lock().unwrap()[0].as_ref().unwrap().level.get(), 7);
        assert!(!watching.is_finished());
        assert!(changes.has_changed().unwrap(), "a first head is a change");
        changes.mark_unchanged();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(!changes.has_changed().unwrap(), "the same head is no change");
    }
}
