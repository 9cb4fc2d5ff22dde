//! Follows all nodes.

use super::follower::{BlockConsumer, Follower, WantedKeys};
use super::node_reader::NodeReader;
use crate::background::keep_running;
use crate::chain::{HeadWatch, WatchSettings};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Reads the blocks of all nodes in the background, each block of a node once. Its tasks end when it is dropped.
pub struct Followers {
    _tasks: JoinSet<Infallible>,
}

/// Blocks are larger than heads.
const MIN_TIMEOUT: Duration = Duration::from_secs(5);

impl Followers {
    /// Starts them. `settings` are those of the `watch`. A consumer that is slow delays the others, but no poll of a head, and no
    /// signature.
    ///
    /// # Errors
    /// If an HTTP client cannot be created.
    pub fn start(
        watch: &HeadWatch,
        settings: &WatchSettings,
        keys: &WantedKeys,
        consumers: &[Arc<dyn BlockConsumer>],
    ) -> Result<Self, reqwest::Error> {
        let mut tasks = JoinSet::new();
        for (number, (url, changes)) in settings.nodes.iter().zip(watch.changes()).enumerate() {
            let reader = NodeReader::new(url.clone(), settings.timeout.max(MIN_TIMEOUT))?;
            let follower = Follower::new(number, reader, changes, Arc::clone(keys), consumers.to_vec());
            tasks.spawn(async move { keep_running("blocks of a node", || follower.follow()).await });
        }
        Ok(Self { _tasks: tasks })
    }
}
