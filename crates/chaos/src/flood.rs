//! Repeats as a flood: many connections ask one signer again and again for the newest vote of one key.

use crate::client::Client;
use crate::keys::BakerKey;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// How many connections there are. They use the processors that the signers need, so they are fewer than an attacker's.
const CONNECTIONS: usize = 200;

/// Who repeats, and what.
#[derive(Debug)]
pub(crate) struct Flood {
    /// The signer that is asked.
    pub(crate) place: usize,
    pub(crate) key: BakerKey,
    /// The newest vote of this key that was signed.
    pub(crate) newest: watch::Receiver<Option<Arc<[u8]>>>,
}

impl Flood {
    /// Floods until this time. Each connection asks again as soon as it is answered.
    pub(crate) async fn run(&self, client: &Arc<Client>, until: Instant) {
        let repeaters = (0..CONNECTIONS).map(|_| async {
            while Instant::now() < until {
                let newest = self.newest.borrow().clone();
                let Some(payload) = newest else { return };
                // Its answer is judged like any other.
                drop(client.ask_now(self.place, &self.key, &payload).await);
            }
        });
        futures::future::join_all(repeaters).await;
    }
}
