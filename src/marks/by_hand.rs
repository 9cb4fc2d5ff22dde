//! What is recorded without a request: a mark is raised or stopped, or stops are lifted. By an operator, or by the witness.
//!
//! | | accepted | result |
//! | --- | --- | --- |
//! | [`Raise`] | if it is higher than the stored mark; a stopped mark is raised inside, and stays stopped | [`Raised`] |
//! | [`StopMark`] | unless the mark has the stop, and is high enough | [`MarkStopped`] |
//! | [`LiftStops`] | if the mark has no other stops | [`Lifted`] |

use super::rule::is_raised_by;
use super::stop::{Stop, StopId};
use super::subject::{Decision, Foresight, OtherKinds, Subject};
use super::trail::Entry;
use super::{AttemptId, Mark, MarkId, Seen, Stored, Written};
use crate::tezos::payload::{NonNegative, Position};
use crate::tezos::{Digest, PublicKeyHash, Signature};

/// A mark that is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Raise {
    /// The mark.
    pub id: MarkId,
    /// Where it is raised to.
    pub position: Position,
    /// The digest of the payload signed there, if known.
    pub digest: Option<Digest>,
    /// The signature of a block signed there, if known.
    pub signature: Option<Signature>,
    from: Option<Position>,
}

impl Raise {
    /// To this position. Without a digest, nothing at the position is signed afterwards, not even a repeat.
    pub const fn new(id: MarkId, position: Position, digest: Option<Digest>, signature: Option<Signature>) -> Self {
        Self { id, position, digest, signature, from: None }
    }
}

/// The result of raising a mark by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Raised {
    /// Raised from this position; `None` if there was no mark.
    From(Option<Position>),
    /// Not changed: it was already at this position, which is not below the target.
    Kept(Position),
    /// Written over an item that was not a mark.
    Repaired,
}

/// A mark that is stopped, and raised in the same write if it is lower. Created where it is absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StopMark {
    id: MarkId,
    stop: Stop,
    raise_to: Option<Position>,
    from: Option<Position>,
}

impl StopMark {
    /// By this stop, and raised to this position if it is lower.
    pub const fn new(id: MarkId, stop: Stop, raise_to: Option<Position>) -> Self {
        Self { id, stop, raise_to, from: None }
    }
}

/// The result of stopping a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MarkStopped {
    /// Stopped by this call. Its true position was this one; `None` if there was no mark.
    From(Option<Position>),
    /// It had this stop before, and was high enough.
    Before,
}

/// Stops that are lifted from a mark, which is raised in the same write if it is lower.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiftStops {
    id: MarkId,
    stops: Vec<StopId>,
    raise_to: Option<Position>,
    from: Option<Position>,
}

impl LiftStops {
    /// Exactly these stops; the mark is raised to this position if it is lower.
    pub const fn new(id: MarkId, stops: Vec<StopId>, raise_to: Option<Position>) -> Self {
        Self { id, stops, raise_to, from: None }
    }

    /// The position of a mark without its stops, whose true position this is.
    fn target(&self, from: Option<Position>) -> Position {
        from.max(self.raise_to).unwrap_or(NOTHING_SIGNED)
    }
}

/// The result of lifting stops from a mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Lifted {
    /// The mark is not stopped, and is now at `to`. Its true position was `from`; `None` if there was no mark.
    To {
        /// The true position before.
        from: Option<Position>,
        /// The position now.
        to: Position,
    },
    /// Nothing was written: the mark was not stopped, and high enough; or absent, with nothing to raise it to.
    NotStopped,
    /// Nothing was written: the mark has these other stops.
    OtherStops(Vec<Stop>),
}

/// The true position of a mark that was created by a stop.
const NOTHING_SIGNED: Position = Position { level: NonNegative::ZERO, round: NonNegative::ZERO };

impl Subject for Raise {
    type Signature = ();
    type Recorded = Raised;

    const PRESIGNED: Option<()> = Some(());
    const RESTORES: bool = true;

    fn id(&self) -> &MarkId {
        &self.id
    }

    fn requester(&self) -> Option<PublicKeyHash> {
        None
    }

    fn mark_over(&self, stored: Option<&Mark>, attempt: AttemptId, written: Option<Written>) -> Mark {
        let raised = Mark::new(self.position, self.digest, self.signature, attempt, written);
        let stops = stored.map_or(&[][..], Mark::stops);
        Mark { stoppable: is_stoppable(stored), ..raised }.stopped_by(stops.to_vec())
    }

    fn entry(&self, _: Option<&Mark>) -> Entry {
        Entry::Raised(self.position)
    }

    fn stored((): ()) -> Option<Signature> {
        None
    }

    fn foresee(&self, _: &Seen) -> Foresight {
        Foresight::Read
    }

    fn decide(&mut self, stored: Option<&Stored>, attempt: AttemptId, _: OtherKinds) -> Decision<Raised> {
        match stored {
            // An earlier write of this recording, whose answer was lost.
            Some(stored) if stored.mark.attempt == attempt => Decision::End(Ok(Raised::From(self.from))),
            Some(stored) if !is_raised_by(&stored.mark, self.position) => {
                Decision::End(Ok(Raised::Kept(stored.mark.true_position())))
            }
            _ => {
                self.from = stored.map(|stored| stored.mark.true_position());
                Decision::Write
            }
        }
    }

    fn recorded(&self, (): ()) -> Raised {
        Raised::From(self.from)
    }
}

impl Subject for StopMark {
    type Signature = ();
    type Recorded = MarkStopped;

    const PRESIGNED: Option<()> = Some(());
    const RESTORES: bool = true;

    fn id(&self) -> &MarkId {
        &self.id
    }

    fn requester(&self) -> Option<PublicKeyHash> {
        None
    }

    fn mark_over(&self, stored: Option<&Mark>, attempt: AttemptId, written: Option<Written>) -> Mark {
        let mut stops = stored.map_or(&[][..], Mark::stops).to_vec();
        if stops.iter().all(|stop| stop.id != self.stop.id) {
            stops.push(self.stop.clone());
        }
        kept_or_raised(stored, self.raise_to, attempt, written).stopped_by(stops)
    }

    fn entry(&self, stored: Option<&Mark>) -> Entry {
        entry_of(stored, self.raise_to)
    }

    fn stored((): ()) -> Option<Signature> {
        None
    }

    fn foresee(&self, _: &Seen) -> Foresight {
        Foresight::Read
    }

    fn decide(&mut self, stored: Option<&Stored>, attempt: AttemptId, _: OtherKinds) -> Decision<MarkStopped> {
        match stored {
            Some(stored) if stored.mark.attempt == attempt => Decision::End(Ok(MarkStopped::From(self.from))),
            Some(stored) if self.is_done(&stored.mark) => Decision::End(Ok(MarkStopped::Before)),
            _ => {
                self.from = stored.map(|stored| stored.mark.true_position());
                Decision::Write
            }
        }
    }

    fn recorded(&self, (): ()) -> MarkStopped {
        MarkStopped::From(self.from)
    }
}

impl StopMark {
    fn is_done(&self, mark: &Mark) -> bool {
        let is_stopped = mark.stops().iter().any(|stop| stop.id == self.stop.id);
        is_stopped && raised_to(Some(mark), self.raise_to).is_none()
    }
}

impl Subject for LiftStops {
    type Signature = ();
    type Recorded = Lifted;

    const PRESIGNED: Option<()> = Some(());
    const RESTORES: bool = true;

    fn id(&self) -> &MarkId {
        &self.id
    }

    fn requester(&self) -> Option<PublicKeyHash> {
        None
    }

    fn mark_over(&self, stored: Option<&Mark>, attempt: AttemptId, written: Option<Written>) -> Mark {
        kept_or_raised(stored, self.raise_to, attempt, written)
    }

    fn entry(&self, stored: Option<&Mark>) -> Entry {
        entry_of(stored, self.raise_to)
    }

    fn stored((): ()) -> Option<Signature> {
        None
    }

    fn foresee(&self, _: &Seen) -> Foresight {
        Foresight::Read
    }

    fn decide(&mut self, stored: Option<&Stored>, attempt: AttemptId, _: OtherKinds) -> Decision<Lifted> {
        let mark = stored.map(|stored| &stored.mark);
        if mark.is_some_and(|mark| mark.attempt == attempt) {
            return Decision::End(Ok(self.recorded(())));
        }
        let stops = mark.map_or(&[][..], Mark::stops);
        let others: Vec<_> = stops.iter().filter(|stop| !self.stops.contains(&stop.id)).cloned().collect();
        if !others.is_empty() {
            return Decision::End(Ok(Lifted::OtherStops(others)));
        }
        if stops.is_empty() && raised_to(mark, self.raise_to).is_none() {
            return Decision::End(Ok(Lifted::NotStopped));
        }
        self.from = mark.map(Mark::true_position);
        Decision::Write
    }

    fn recorded(&self, (): ()) -> Lifted {
        Lifted::To { from: self.from, to: self.target(self.from) }
    }
}

fn is_stoppable(stored: Option<&Mark>) -> bool {
    stored.is_some_and(|stored| stored.stoppable)
}

/// The position that the mark is raised to; `None` if it is not lower than `raise_to`.
fn raised_to(stored: Option<&Mark>, raise_to: Option<Position>) -> Option<Position> {
    raise_to.filter(|position| stored.is_none_or(|stored| is_raised_by(stored, *position)))
}

/// The mark without its stops: raised, if it is lower than `raise_to`; otherwise as it was.
fn kept_or_raised(
    stored: Option<&Mark>,
    raise_to: Option<Position>,
    attempt: AttemptId,
    written: Option<Written>,
) -> Mark {
    match (stored, raised_to(stored, raise_to)) {
        (Some(stored), None) => stored.kept(attempt, written),
        (_, position) => Mark {
            stoppable: is_stoppable(stored),
            ..Mark::new(position.unwrap_or(NOTHING_SIGNED), None, None, attempt, written)
        },
    }
}

fn entry_of(stored: Option<&Mark>, raise_to: Option<Position>) -> Entry {
    raised_to(stored, raise_to).map_or(Entry::Unchanged, Entry::Raised)
}
