//! Two bakers who share a key and want different things signed at the same positions.

use crate::client::Client;
use crate::dice::{Dice, Seed, Stream};
use crate::history::Answer;
use crate::keys::BakerKey;
use crate::payload::{Kind, Position, Variant, payload};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How a baker's requests reach the signers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// octez behind a front end: a connection that is lost is a 502, which it repeats.
    Octez,
    /// The Functions host: it sends a request a second time where a connection was lost, and now and then for no reason.
    Host,
    /// A relay: it asks another signer if one is slow, and if one fails.
    Relay,
}

const MANNERS: [(u32, Manner); 3] = [(4, Manner::Octez), (3, Manner::Host), (3, Manner::Relay)];

/// A baker does not wait longer before he does the next thing; the answer is written down all the same.
const PATIENCE: Duration = Duration::from_millis(600);

/// A mark's chain is left after so many turns: the next one begins without a mark.
const TURNS_OF_A_CHAIN: u64 = 130;

/// A lane stays on the last of so many chains. A signer takes votes of one key on 64 unknown chains, however long it runs, and up to
/// nine lanes share a key: that leaves one for the end of a season.
pub(crate) const MAX_CHAINS_OF_A_LANE: u64 = 7;

/// What is left of a lane: the mark that it last used.
pub(crate) struct Heir {
    pub(crate) key: BakerKey,
    pub(crate) kind: Kind,
    pub(crate) chain: [u8; 4],
    pub(crate) position: Position,
}

impl Heir {
    /// Of a mark on a chain that no lane has.
    pub(crate) fn new(key: &BakerKey, chain: [u8; 4]) -> Self {
        let position = Position { level: 1, round: 0 };
        Self { key: key.clone(), kind: Kind::Preattestation, chain, position }
    }
}

/// One kind of one key, for which two bakers ask.
pub(crate) struct Lane {
    pub(crate) number: u16,
    pub(crate) seed: Seed,
    pub(crate) key: BakerKey,
    pub(crate) kind: Kind,
    pub(crate) client: Arc<Client>,
    pub(crate) ends: Arc<AtomicBool>,
}

impl Lane {
    /// Turn by turn until it is to end. Returns what the next baker can go on with.
    pub(crate) async fn run(self) -> Heir {
        let mut turn = 0;
        let mut position = Position { level: 1, round: 0 };
        let mut chain = [0; 4];
        while !self.ends.load(Ordering::Relaxed) {
            let mut dice = self.seed.dice(Stream::Lane(self.number), turn);
            let number = (turn / TURNS_OF_A_CHAIN).min(MAX_CHAINS_OF_A_LANE - 1);
            position = if turn == number * TURNS_OF_A_CHAIN {
                Position { level: dice.number(1..5_000_000), round: dice.number(0..3) }
            } else {
                next(&mut dice, position)
            };
            chain = chain_of(self.number, number);
            self.take_turn(&mut dice, chain, position).await;
            turn += 1;
        }
        Heir { key: self.key, kind: self.kind, chain, position }
    }

    async fn take_turn(&self, dice: &mut Dice, chain: [u8; 4], position: Position) {
        let (mine, theirs) = variants(dice);
        let bytes = |position, variant| Arc::<[u8]>::from(payload(chain, self.kind, position, variant));
        let (first, second) = (bytes(position, mine), bytes(position, theirs));
        let (one, other) = (Wish::draw(dice, &first, self), Wish::draw(dice, &second, self));
        let behind = if dice.chance(40.0) { Duration::ZERO } else { dice.ms(0..12) };
        // Drawn before anything is asked, so that answers do not change what is drawn.
        let afterwards: Vec<_> = (0..dice.number(2..8))
            .map(|_| {
                let payload = match dice.number(0..10) {
                    0..4 => Arc::clone(&first),
                    4..8 => Arc::clone(&second),
                    8 => bytes(position, Variant { content: 3, ..mine }),
                    _ => bytes(Position { level: position.level.saturating_sub(1), round: dice.number(0..4) }, mine),
                };
                Wish::draw(dice, &payload, self)
            })
            .collect();
        tokio::join!(self.fulfil(one), async {
            tokio::time::sleep(behind).await;
            self.fulfil(other).await;
        });
        join_all(afterwards.into_iter().map(|wish| self.fulfil(wish))).await;
    }

    async fn fulfil(&self, wish: Wish) {
        let ask = |place: usize| self.client.ask(place % self.client.places(), &self.key, &wish.payload);
        match wish.manner {
            Manner::Octez => {
                for pause in [0, 100, 200] {
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    match answer(ask(wish.place)).await {
                        Some(Answer::None { .. }) => {}
                        _ => return,
                    }
                }
            }
            Manner::Host => {
                let second = wish.is_sent_twice.then(|| ask(wish.place));
                if let Some(Answer::None { .. }) | None = answer(ask(wish.place)).await {
                    answer(ask(wish.place + 1)).await;
                }
                if let Some(second) = second {
                    answer(second).await;
                }
            }
            Manner::Relay => {
                let first = ask(wish.place);
                let hedged = async {
                    tokio::time::sleep(wish.hedge).await;
                    answer(ask(wish.place + 1)).await
                };
                if wish.is_sent_twice {
                    tokio::join!(answer(first), hedged);
                } else if !matches!(
                    answer(first).await,
                    Some(Answer::Signed(_) | Answer::NotSigned { status: 409, .. })
                ) {
                    answer(ask(wish.place + 2)).await;
                }
            }
        }
    }
}

/// Something that a baker wants signed, and how he asks.
struct Wish {
    payload: Arc<[u8]>,
    manner: Manner,
    place: usize,
    is_sent_twice: bool,
    hedge: Duration,
}

impl Wish {
    fn draw(dice: &mut Dice, payload: &Arc<[u8]>, lane: &Lane) -> Self {
        Self {
            payload: Arc::clone(payload),
            manner: dice.pick(&MANNERS).copied().unwrap_or(Manner::Octez),
            place: dice.index(lane.client.places()),
            is_sent_twice: dice.chance(15.0),
            hedge: dice.ms(0..30),
        }
    }
}

/// Waits for an answer as long as a baker does.
pub(crate) async fn answer(told: tokio::sync::oneshot::Receiver<Answer>) -> Option<Answer> {
    match tokio::time::timeout(PATIENCE, told).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(_)) => {
            // As long as it takes to be told that nobody listens.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some(Answer::None { why: "nobody listens".into() })
        }
        Err(_) => None,
    }
}

/// Mostly the next level; else another round, or some levels on.
fn next(dice: &mut Dice, from: Position) -> Position {
    match dice.number(0..10) {
        0..7 => Position { level: from.level + 1, round: 0 },
        7..9 => Position { round: from.round + 1, ..from },
        _ => Position { level: from.level + dice.number(1..20), round: dice.number(0..4) },
    }
}

/// What the two bakers want: something that differs in one thing.
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

/// A chain of its own for each lane and each time.
fn chain_of(lane: u16, number: u64) -> [u8; 4] {
    let [a, b] = lane.to_be_bytes();
    let [.., c, d] = number.to_be_bytes();
    [0x80 | a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bakers_never_want_the_same_and_always_the_same_position() {
        let position = Position { level: 5, round: 1 };
        for turn in 0..500 {
            let mut dice = Seed(1).dice(Stream::Lane(0), turn);
            let (mine, theirs) = variants(&mut dice);
            for kind in Kind::ALL {
                let made = [mine, theirs].map(|variant| payload([1; 4], kind, position, variant));
                let differ = made[0] != made[1];
                // A preattestation has nothing that could be the DAL content of an attestation.
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
