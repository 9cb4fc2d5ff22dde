//! A flood of repeats: many connections repeat the newest vote of one key at one signer.

use crate::client::Client;
use crate::keys::BakerKey;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Number of connections. They compete with the signers for the processors, so there are fewer than an attacker would use.
const CONNECTIONS: usize = 200;

/// The target of a flood.
#[derive(Debug)]
pub(crate) struct Flood {
    /// The signer that is flooded.
    pub(crate) place: usize,
    pub(crate) key: BakerKey,
    /// The newest signed vote of this key.
    pub(crate) newest: watch::Receiver<Option<Arc<[u8]>>>,
}

impl Flood {
    /// Floods until this time. Each connection repeats as soon as it is answered.
    pub(crate) async fn run(&self, client: &Arc<Client>, until: Instant) {
        let repeaters = (0..CONNECTIONS).map(|_| async {
            while Instant::now() < until {
                let newest = self.newest.borrow().clone();
                let Some(payload) = newest else { return };
                // The answer is judged like any other.
                drop(client.request_now(self.place, &self.key, &payload).await);
            }
        });
        futures::future::join_all(repeaters).await;
    }
}
