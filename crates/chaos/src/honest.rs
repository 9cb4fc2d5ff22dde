//! Honest bakers, who have a key to themselves: in the storm through a relay, and one who waits for each answer.

use crate::baker::{Heir, answer};
use crate::client::Client;
use crate::history::Answer;
use crate::keys::BakerKey;
use crate::payload::{Kind, Position, Variant, payload};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A relay has so long to get a signature.
const RELAY_PATIENCE: Duration = Duration::from_secs(1);

/// A baker who has a key to himself and behaves well: he asks for each thing once, the signers in turn, through a relay
/// that tries another one if need be.
pub(crate) struct RelayBaker {
    pub(crate) key: BakerKey,
    pub(crate) client: Arc<Client>,
    pub(crate) ends: Arc<AtomicBool>,
}

/// How he fared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fortune {
    /// What he wanted signed.
    pub(crate) wanted: u64,
    /// Of that, what was signed by the first signer that was asked.
    pub(crate) at_first: u64,
    /// What was signed within a relay's patience.
    pub(crate) in_time: u64,
    /// How long he waited, for each signature that was in time.
    pub(crate) waits: Vec<Duration>,
}

impl Fortune {
    pub(crate) fn add(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.at_first += other.at_first;
        self.in_time += other.in_time;
        self.waits.extend(other.waits);
    }
}

/// A new block every so often.
const BLOCK_TIME: Duration = Duration::from_millis(40);

/// The chain of honest bakers.
const MAINNET: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];

impl RelayBaker {
    /// Level by level until it is to end.
    pub(crate) async fn run(self) -> Fortune {
        let (mut fortune, mut place) = (Fortune::default(), 0);
        let mut level = 1;
        while !self.ends.load(Ordering::Relaxed) {
            let position = Position { level, round: 0 };
            for kind in Kind::ALL {
                let payload = payload(MAINNET, kind, position, Variant::default()).into();
                let (start, mut tries) = (Instant::now(), 0);
                fortune.wanted += 1;
                while start.elapsed() < RELAY_PATIENCE {
                    tries += 1;
                    place = (place + 1) % self.client.places();
                    let asked = answer(self.client.ask_now(place, &self.key, &payload));
                    let left = RELAY_PATIENCE.saturating_sub(start.elapsed());
                    if let Ok(Some(Answer::Signed(_))) = tokio::time::timeout(left, asked).await {
                        fortune.at_first += u64::from(tries == 1);
                        fortune.in_time += 1;
                        fortune.waits.push(start.elapsed());
                        break;
                    }
                }
            }
            level += 1;
            tokio::time::sleep(BLOCK_TIME).await;
        }
        fortune
    }
}

/// A baker who always asks the same signer, waits for the answer however long it takes, and never asks twice. Whether he was
/// signed for is the availability that a baker without a relay sees.
pub(crate) struct PatientBaker {
    pub(crate) key: BakerKey,
    pub(crate) kind: Kind,
    /// The signer that he asks.
    pub(crate) place: usize,
    pub(crate) client: Arc<Client>,
    pub(crate) ends: Arc<AtomicBool>,
}

/// How long a patient baker waits after each answer.
const PATIENT_BLOCK_TIME: Duration = Duration::from_millis(150);

impl PatientBaker {
    /// Level by level until it is to end. `newest` always holds the last payload that was signed. Returns the mark that it used.
    pub(crate) async fn run(self, newest: watch::Sender<Option<Arc<[u8]>>>) -> Heir {
        let mut level = 1;
        while !self.ends.load(Ordering::Relaxed) {
            let position = Position { level, round: 0 };
            let bytes: Arc<[u8]> = payload(MAINNET, self.kind, position, Variant::default()).into();
            let answer = self.client.ask_now(self.place, &self.key, &bytes).await;
            if let Ok(Answer::Signed(_)) = answer {
                newest.send_replace(Some(bytes));
            }
            level += 1;
            tokio::time::sleep(PATIENT_BLOCK_TIME).await;
        }
        Heir { key: self.key, kind: self.kind, chain: MAINNET, position: Position { level, round: 0 } }
    }
}
