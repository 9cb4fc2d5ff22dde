use super::head::{self, HeadCheck, ObservedHead};
use super::node::{Node, NodeError, NodeUrl};
use crate::background::keep_running;
use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use std::convert::Infallible;
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
    seen: Arc<Mutex<Vec<Option<ObservedHead>>>>,
    asked_once: Arc<Semaphore>,
    _tasks: JoinSet<Infallible>,
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
            let place = Place { index, seen: Arc::clone(&seen), asked_once: Arc::clone(&asked_once) };
            tasks.spawn(watch(node, place, settings.refresh));
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

/// Where the answers of one node are kept.
struct Place {
    index: usize,
    seen: Arc<Mutex<Vec<Option<ObservedHead>>>>,
    asked_once: Arc<Semaphore>,
}

/// Asks a node, for ever.
async fn watch(node: impl HeadSource, place: Place, refresh: Duration) -> Infallible {
    // It outlives a run, so that each node counts as asked once only.
    let was_answering = Answering::default();
    keep_running("head of the chain", || follow(&node, &place, &was_answering, refresh)).await
}

async fn follow(node: &impl HeadSource, place: &Place, was_answering: &Answering, refresh: Duration) {
    let mut ticks = tokio::time::interval(refresh);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let answer = node.ask().await;
        let is_answering = answer.is_ok();
        let before = was_answering.replace(is_answering);
        match answer {
            Ok(head) => {
                if before != Some(true) {
                    info!(event = "node_available", node = %node.url(), chain = %head.chain, level = head.level.get(), "following the head");
                }
                if let Some(seen) = place.seen.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place.index) {
                    *seen = Some(head);
                }
            }
            Err(error) => {
                if before != Some(false) {
                    let proxy = node.url().proxy().map(tracing::field::display);
                    warn!(event = "node_unavailable", node = %node.url(), proxy, reason = %error, "cannot read the node's head");
                }
            }
        }
        if before.is_none() {
            place.asked_once.add_permits(1);
        }
    }
}

/// Whether the node has answered the last time; nothing, before the first.
#[derive(Default)]
struct Answering(Mutex<Option<bool>>);

impl Answering {
    fn replace(&self, now: bool) -> Option<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(now)
    }
}

/// The requests for the head.
trait HeadSource: Send + Sync {
    fn url(&self) -> &NodeUrl;

    fn ask(&self) -> impl Future<Output = Result<ObservedHead, NodeError>> + Send;
}

impl HeadSource for Node {
    fn url(&self) -> &NodeUrl {
        self.url()
    }

    /// The chain is requested each time: a node may be set up for another one between two questions.
    async fn ask(&self) -> Result<ObservedHead, NodeError> {
        let chain = self.chain().await?;
        self.head(chain).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Panics when it is asked first.
    struct Faulty(NodeUrl, AtomicUsize);

    impl HeadSource for Faulty {
        fn url(&self) -> &NodeUrl {
            &self.0
        }

        async fn ask(&self) -> Result<ObservedHead, NodeError> {
            assert!(self.1.fetch_add(1, Ordering::Relaxed) > 0, "a fault");
            let chain = "NetXdQprcVkpaWU".parse().unwrap();
            Ok(ObservedHead { chain, level: 7.try_into().unwrap(), at: Instant::now() })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_asked_again_after_a_fault_of_the_program() {
        let (seen, asked_once) = (Arc::new(Mutex::new(vec![None])), Arc::new(Semaphore::new(0)));
        let place = Place { index: 0, seen: Arc::clone(&seen), asked_once: Arc::clone(&asked_once) };
        let node = Faulty("https://node.example".parse().unwrap(), AtomicUsize::new(0));
        let watching = tokio::spawn(watch(node, place, Duration::from_secs(1)));
        drop(asked_once.acquire().await.unwrap());
        assert_eq!(seen.lock().unwrap()[0].as_ref().unwrap().level.get(), 7);
        assert!(!watching.is_finished());
    }
}
