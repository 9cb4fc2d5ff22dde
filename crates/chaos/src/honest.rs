//! Honest bakers with their own keys: in the storm behind a relay, in the spells one that waits for each answer.

use crate::baker::{LastMark, answer};
use crate::client::Client;
use crate::history::Answer;
use crate::keys::BakerKey;
use crate::payload::{Kind, Position, Variant, payload};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long a relay tries to get a signature.
const RELAY_TIMEOUT: Duration = Duration::from_secs(1);

/// A baker with its own key that requests each signature once, through a relay that tries the signers in turn.
pub(crate) struct RelayBaker {
    pub(crate) key: BakerKey,
    pub(crate) client: Arc<Client>,
    pub(crate) ends: Arc<AtomicBool>,
}

/// How the requests through a relay fared.
#[derive(Debug, Clone, Default)]
pub(crate) struct RelayStats {
    /// Requested signatures.
    pub(crate) wanted: u64,
    /// Signatures from the first signer tried.
    pub(crate) at_first: u64,
    /// Signatures within the relay's time limit.
    pub(crate) in_time: u64,
    /// Time to each signature that was in time.
    pub(crate) waits: Vec<Duration>,
}

impl RelayStats {
    pub(crate) fn add(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.at_first += other.at_first;
        self.in_time += other.in_time;
        self.waits.extend(other.waits);
    }
}

/// Pause between blocks.
const BLOCK_TIME: Duration = Duration::from_millis(40);

/// The chain of honest bakers.
const MAINNET: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];

impl RelayBaker {
    /// Bakes level after level until `ends` is set.
    pub(crate) async fn run(self) -> RelayStats {
        let (mut relay_stats, mut place) = (RelayStats::default(), 0);
        let mut level = 1;
        while !self.ends.load(Ordering::Relaxed) {
            let position = Position { level, round: 0 };
            for kind in Kind::ALL {
                let payload = payload(MAINNET, kind, position, Variant::default()).into();
                let (start, mut tries) = (Instant::now(), 0);
                relay_stats.wanted += 1;
                while start.elapsed() < RELAY_TIMEOUT {
                    tries += 1;
                    place = (place + 1) % self.client.places();
                    let answer = answer(self.client.request_now(place, &self.key, &payload));
                    let left = RELAY_TIMEOUT.saturating_sub(start.elapsed());
                    if let Ok(Some(Answer::Signed(_))) = tokio::time::timeout(left, answer).await {
                        relay_stats.at_first += u64::from(tries == 1);
                        relay_stats.in_time += 1;
                        relay_stats.waits.push(start.elapsed());
                        break;
                    }
                }
            }
            level += 1;
            tokio::time::sleep(BLOCK_TIME).await;
        }
        relay_stats
    }
}

/// A baker that always uses the same signer, waits for each answer however long it takes, and never repeats a request. The share
/// of its requests that is signed is the availability for a baker without a relay.
pub(crate) struct PatientBaker {
    pub(crate) key: BakerKey,
    pub(crate) kind: Kind,
    /// The signer that it uses.
    pub(crate) place: usize,
    pub(crate) client: Arc<Client>,
    pub(crate) ends: Arc<AtomicBool>,
}

/// Pause of a patient baker after each answer.
const PATIENT_BLOCK_TIME: Duration = Duration::from_millis(150);

impl PatientBaker {
    /// Bakes level after level until `ends` is set. `newest` holds the last signed payload. Returns the last mark.
    pub(crate) async fn run(self, newest: watch::Sender<Option<Arc<[u8]>>>) -> LastMark {
        let mut level = 1;
        while !self.ends.load(Ordering::Relaxed) {
            let position = Position { level, round: 0 };
            let bytes: Arc<[u8]> = payload(MAINNET, self.kind, position, Variant::default()).into();
            let answer = self.client.request_now(self.place, &self.key, &bytes).await;
            if let Ok(Answer::Signed(_)) = answer {
                newest.send_replace(Some(bytes));
            }
            level += 1;
            tokio::time::sleep(PATIENT_BLOCK_TIME).await;
        }
        LastMark { key: self.key, kind: self.kind, chain: MAINNET, position: Position { level, round: 0 } }
    }
}
