//! Pairs of bakers that share a key and want different payloads signed at the same positions.

use crate::client::Client;
use crate::dice::{Dice, Seed, Stream};
use crate::error::SeasonError;
use crate::history::Answer;
use crate::keys::BakerKey;
use crate::payload::{Kind, Position, Variant, payload_by};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How a baker's requests reach the signers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transport {
    /// octez-client behind a front end: a lost connection becomes a 502, after which it retries.
    Octez,
    /// The Functions host: it resends a request after a lost connection, and occasionally for no reason.
    Host,
    /// A relay: it tries another signer if one is slow or fails.
    Relay,
}

const TRANSPORTS: [(u32, Transport); 3] = [(4, Transport::Octez), (3, Transport::Host), (3, Transport::Relay)];

/// How long a baker waits for an answer before going on. Later answers are recorded all the same.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(600);

/// Number of turns on a chain. The next chain begins without a mark.
const TURNS_PER_CHAIN: u64 = 130;

/// Number of chains of a lane, which stays on the last. A signer accepts votes of a key on at most 64 unknown chains during its
/// lifetime, and up to nine lanes share a key: that leaves one for the end of a season.
pub(crate) const MAX_CHAINS_PER_LANE: u64 = 7;

/// The last mark of a lane, from which others continue.
pub(crate) struct LastMark {
    pub(crate) key: BakerKey,
    pub(crate) kind: Kind,
    pub(crate) chain: [u8; 4],
    pub(crate) position: Position,
}

impl LastMark {
    /// The mark of a chain without lanes.
    pub(crate) fn new(key: &BakerKey, chain: [u8; 4]) -> Self {
        let position = Position { level: 1, round: 0 };
        Self { key: key.clone(), kind: Kind::Preattestation, chain, position }
    }

    /// A payload for this mark at another position.
    pub(crate) fn payload(&self, position: Position, variant: Variant) -> Vec<u8> {
        payload_by(self.key.public_key.curve, self.chain, self.kind, position, variant)
    }
}

/// Which places the two bakers of a key use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BakerPlaces {
    /// Both use all.
    Shared,
    /// Each has its own half: its relays.
    Separate,
}

/// One of the two bakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Baker {
    First,
    Second,
}

/// The chains of a lane.
#[derive(Debug, Clone)]
pub(crate) enum Chains {
    /// Chains of its own, one after the other, each of which begins without a mark.
    Own,
    /// One chain, which other lanes follow too; the highest level requested there.
    Common([u8; 4], Arc<AtomicU32>),
}

/// One kind of payload by one key, with two competing bakers.
pub(crate) struct Lane {
    pub(crate) number: u16,
    pub(crate) seed: Seed,
    pub(crate) key: BakerKey,
    pub(crate) kind: Kind,
    pub(crate) chains: Chains,
    pub(crate) client: Arc<Client>,
    pub(crate) baker_places: BakerPlaces,
    pub(crate) ends: Arc<AtomicBool>,
}

impl Lane {
    /// Takes turns until `ends` is set. Returns the last mark.
    pub(crate) async fn run(self) -> LastMark {
        let mut turn = 0;
        let mut position = Position { level: 1, round: 0 };
        let mut chain = [0; 4];
        while !self.ends.load(Ordering::Relaxed) {
            let mut dice = self.seed.dice(Stream::Lane(self.number), turn);
            (chain, position) = match &self.chains {
                Chains::Own => {
                    let number = (turn / TURNS_PER_CHAIN).min(MAX_CHAINS_PER_LANE - 1);
                    let position = if turn == number * TURNS_PER_CHAIN {
                        Position { level: dice.number(1..5_000_000), round: dice.number(0..3) }
                    } else {
                        next(&mut dice, position)
                    };
                    (chain_of(self.number, number), position)
                }
                Chains::Common(chain, head) => {
                    let level = head.load(Ordering::Relaxed).max(position.level);
                    let position = next(&mut dice, Position { level, ..position });
                    head.fetch_max(position.level, Ordering::Relaxed);
                    (*chain, position)
                }
            };
            self.take_turn(&mut dice, chain, position).await;
            turn += 1;
        }
        LastMark { key: self.key, kind: self.kind, chain, position }
    }

    async fn take_turn(&self, dice: &mut Dice, chain: [u8; 4], position: Position) {
        let (mine, theirs) = variants(dice);
        let curve = self.key.public_key.curve;
        let bytes = |position, variant| Arc::<[u8]>::from(payload_by(curve, chain, self.kind, position, variant));
        let (first, second) = (bytes(position, mine), bytes(position, theirs));
        let (one, other) =
            (Submission::draw(dice, &first, Baker::First, self), Submission::draw(dice, &second, Baker::Second, self));
        let behind = if dice.chance(40.0) { Duration::ZERO } else { dice.ms(0..12) };
        // Drawn before the first request, so that answers do not affect it.
        let afterwards: Vec<_> = (0..dice.number(2..8))
            .map(|_| {
                let (payload, baker) = match dice.number(0..10) {
                    0..4 => (Arc::clone(&first), Baker::First),
                    4..8 => (Arc::clone(&second), Baker::Second),
                    8 => (bytes(position, Variant { content: 3, ..mine }), Baker::First),
                    _ => {
                        let position = Position { level: position.level.saturating_sub(1), round: dice.number(0..4) };
                        (bytes(position, mine), Baker::First)
                    }
                };
                Submission::draw(dice, &payload, baker, self)
            })
            .collect();
        tokio::join!(self.submit(one), async {
            tokio::time::sleep(behind).await;
            self.submit(other).await;
        });
        join_all(afterwards.into_iter().map(|submission| self.submit(submission))).await;
    }

    /// The place that a baker uses as the one of this number.
    fn place_of(&self, baker: Baker, number: usize) -> usize {
        let (all, half) = (self.client.places(), self.client.places() / 2);
        match (self.baker_places, baker) {
            (BakerPlaces::Shared, _) => number % all,
            (BakerPlaces::Separate, Baker::First) => number % half,
            (BakerPlaces::Separate, Baker::Second) => half + number % half,
        }
    }

    async fn submit(&self, submission: Submission) {
        let request = |place: usize| {
            let place = self.place_of(submission.baker, place);
            self.client.request(place, &self.key, &submission.payload)
        };
        match submission.transport {
            Transport::Octez => {
                for pause in [0, 100, 200] {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    match answer(request(submission.place)).await {
                        Some(Answer::None { .. }) => {}
                        _ => return,
                    }
                }
            }
            Transport::Host => {
                let second = submission.is_sent_twice.then(|| request(submission.place));
                if let Some(Answer::None { .. }) | None = answer(request(submission.place)).await {
                    answer(request(submission.place + 1)).await;
                }
                if let Some(second) = second {
                    answer(second).await;
                }
            }
            Transport::Relay => {
                let first = request(submission.place);
                let hedged = async {
                    tokio::time::sleep(submission.hedge).await;
                    answer(request(submission.place + 1)).await
                };
                if submission.is_sent_twice {
                    tokio::join!(answer(first), hedged);
                } else if !matches!(
                    answer(first).await,
                    Some(Answer::Signed(_) | Answer::NotSigned { status: 409, .. })
                ) {
                    answer(request(submission.place + 2)).await;
                }
            }
        }
    }
}

/// A payload that a baker wants signed, and how it is sent.
struct Submission {
    payload: Arc<[u8]>,
    baker: Baker,
    transport: Transport,
    place: usize,
    is_sent_twice: bool,
    hedge: Duration,
}

impl Submission {
    fn draw(dice: &mut Dice, payload: &Arc<[u8]>, baker: Baker, lane: &Lane) -> Self {
        Self {
            payload: Arc::clone(payload),
            baker,
            transport: dice.pick(&TRANSPORTS).copied().unwrap_or(Transport::Octez),
            place: dice.index(lane.client.places()),
            is_sent_twice: dice.chance(15.0),
            hedge: dice.ms(0..30),
        }
    }
}

/// Waits for an answer as long as a baker does.
pub(crate) async fn answer(receiver: tokio::sync::oneshot::Receiver<Answer>) -> Option<Answer> {
    match tokio::time::timeout(ANSWER_TIMEOUT, receiver).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(_)) => {
            // A refused connection takes about as long.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some(Answer::None { why: "nothing listens".into() })
        }
        Err(_) => None,
    }
}

/// Waits until all these bakers have ended.
pub(crate) async fn results<T>(bakers: Vec<JoinHandle<T>>) -> Result<Vec<T>, SeasonError> {
    join_all(bakers).await.into_iter().map(|baker| baker.map_err(SeasonError::Baker)).collect()
}

/// Usually the next level; sometimes another round, or a few levels ahead.
fn next(dice: &mut Dice, from: Position) -> Position {
    match dice.number(0..10) {
        0..7 => Position { level: from.level + 1, round: 0 },
        7..9 => Position { round: from.round + 1, ..from },
        _ => Position { level: from.level + dice.number(1..20), round: dice.number(0..4) },
    }
}

/// The variants that the two bakers want, which differ in one respect.
fn variants(dice: &mut Dice) -> (Variant, Variant) {
    let mine = Variant { content: 1, branch: 1, extra: if dice.chance(50.0) { 0 } else { 5 } };
    let theirs = match dice.number(0..4) {
        0 => Variant { content: 2, ..mine },
        1 => Variant { branch: 2, ..mine },
        2 => Variant { content: 2, branch: 2, extra: 9 },
        _ => Variant { extra: if mine.extra == 0 { 7 } else { 0 }, content: 1 + u8::from(dice.chance(50.0)), ..mine },
    };
    if dice.chance(50.0) { (mine, theirs) } else { (theirs, mine) }
}

/// A separate chain for each lane and number.
fn chain_of(lane: u16, number: u64) -> [u8; 4] {
    let [a, b] = lane.to_be_bytes();
    let [.., c, d] = number.to_be_bytes();
    [0x80 | a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::payload;

    #[test]
    fn two_bakers_want_different_payloads_at_the_same_position() {
        let position = Position { level: 5, round: 1 };
        for turn in 0..500 {
            let mut dice = Seed(1).dice(Stream::Lane(0), turn);
            let (mine, theirs) = variants(&mut dice);
            for kind in Kind::ALL {
                let made = [mine, theirs].map(|variant| payload([1; 4], kind, position, variant));
                let differ = made[0] != made[1];
                // A preattestation has no field for DAL content.
                let may_be_the_same =
                    kind == Kind::Preattestation && (mine.content, mine.branch) == (theirs.content, theirs.branch);
                assert!(differ || may_be_the_same, "{kind}: {mine:?} {theirs:?}");
            }
        }
    }

    #[test]
    fn positions_only_rise() {
        let mut position = Position { level: 1, round: 0 };
        for turn in 0..500 {
            let after = next(&mut Seed(1).dice(Stream::Lane(0), turn), position);
            assert!(after > position);
            position = after;
        }
    }
}
