//! What a [`Recording`](super::Recording) records: a vote, a block, or what is written [by hand](super::by_hand).
//!
//! | | vault signs | accepted by | result |
//! | --- | --- | --- | --- |
//! | [`VoteRequest`] | while the mark is written | the rule | [`VoteRecorded`] |
//! | [`BlockRequest`] | before the mark is written, which holds the signature | the rule | [`BlockRecorded`] |

use super::by_hand::{LiftStops, Raise, StopMark};
use super::rule::{decide_among, depends_on_other_kinds};
use super::signed_window::ShortDigest;
use super::trail::Entry;
use super::{AttemptId, Mark, MarkId, NotRecorded, NotSafe, Request, Safe, Seen, Stored, Written};
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{PublicKeyHash, Signature};
use std::fmt::Debug;
use std::hash::Hash;

/// A request for the signature of an attestation or a preattestation. Created by [`Request::split`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoteRequest(Request);

/// A request for the signature of a block. Created by [`Request::split`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockRequest(Request);

/// A request, by the kind of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VoteOrBlock {
    /// An attestation or a preattestation.
    Vote(VoteRequest),
    /// A block.
    Block(BlockRequest),
}

impl Request {
    /// Distinguishes votes from blocks by type, since they are recorded differently.
    pub const fn split(self) -> VoteOrBlock {
        match self.id.kind {
            Kind::Preattestation | Kind::Attestation => VoteOrBlock::Vote(VoteRequest(self)),
            Kind::Block => VoteOrBlock::Block(BlockRequest(self)),
        }
    }
}

/// Proof that the store holds a mark that covers a vote. No signature of a vote is released without one, and only this
/// module can create it.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VoteRecorded(());

impl VoteRecorded {
    /// The signature that may be released now: the one that the vault returned in the meantime.
    pub const fn release(self, made: Signature) -> Signature {
        made
    }
}

/// Proof that the store holds a block's mark together with its signature. Only this module can create it.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockRecorded {
    signature: Signature,
}

impl BlockRecorded {
    /// The only signature of the block that may ever be released: the stored one, no matter which process produced it.
    pub const fn release(self) -> Signature {
        self.signature
    }
}

/// How to proceed, given the stored mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<R> {
    /// Write the mark over the one that was decided on.
    Write,
    /// Read the key's marks of other kinds, then decide.
    ReadOtherKinds,
    /// End.
    End(Result<R, NotRecorded>),
}

/// What can be decided from the mark that this process saw last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foresight {
    /// It is a repeat: the store has to confirm it.
    Confirm,
    /// Nothing: the mark must be read.
    Read,
    /// The request can be decided on it.
    Decide,
}

/// The key's marks of other kinds on the same chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OtherKinds {
    /// Not needed so far.
    NotRead,
    /// The highest of them. Marks only rise, so one read is enough.
    Highest(Option<Position>),
}

/// What is recorded. Implemented by [`VoteRequest`], [`BlockRequest`], [`Raise`], [`StopMark`] and [`LiftStops`] only. Not
/// visible outside of `marks`, so that no other code can create the proofs.
pub trait Subject: sealed::Sealed + Debug + Clone + PartialEq + Eq + Hash {
    /// What the vault must sign before the mark is written: the signature of a block; `()` otherwise.
    type Signature: Debug + Copy + PartialEq + Eq + Hash;
    /// The result once the store holds the mark.
    type Recorded: Debug + Clone + PartialEq + Eq + Hash;

    /// The signature, if the vault need not sign first.
    const PRESIGNED: Option<Self::Signature>;

    /// Whether it is written by hand, and may restore what the store has lost. It is then not refused because of that loss or
    /// of a stop, and leaves no trace in [`Seen`]: later reads decide whether it compensates for the loss.
    const RESTORES: bool;

    /// The mark to record.
    fn id(&self) -> &MarkId;

    /// The authorized key that signed the request, for auditors.
    fn requester(&self) -> Option<PublicKeyHash>;

    /// The mark to write over the stored one, before it is signed, and without its trail.
    fn mark_over(&self, stored: Option<&Mark>, attempt: AttemptId, written: Option<Written>) -> Mark;

    /// What that write adds to the trail.
    fn entry(&self, stored: Option<&Mark>) -> Entry;

    /// The signature as the mark holds it.
    fn stored(signature: Self::Signature) -> Option<Signature>;

    /// What can be decided from the mark that this process saw last.
    fn foresee(&self, seen: &Seen) -> Foresight;

    /// Decides on the stored mark. `attempt` is that of this recording.
    fn decide(&mut self, stored: Option<&Stored>, attempt: AttemptId, others: OtherKinds) -> Decision<Self::Recorded>;

    /// The store has acknowledged the mark with this signature.
    fn recorded(&self, signature: Self::Signature) -> Self::Recorded;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::VoteRequest {}
    impl Sealed for super::BlockRequest {}
    impl Sealed for super::Raise {}
    impl Sealed for super::StopMark {}
    impl Sealed for super::LiftStops {}
}

impl Subject for VoteRequest {
    type Signature = ();
    type Recorded = VoteRecorded;

    const PRESIGNED: Option<()> = Some(());
    const RESTORES: bool = false;

    fn id(&self) -> &MarkId {
        &self.0.id
    }

    fn requester(&self) -> Option<PublicKeyHash> {
        self.0.requester
    }

    fn mark_over(&self, stored: Option<&Mark>, attempt: AttemptId, written: Option<Written>) -> Mark {
        mark_of(&self.0, stored, attempt, written)
    }

    fn entry(&self, _: Option<&Mark>) -> Entry {
        entry_of(&self.0)
    }

    fn stored((): ()) -> Option<Signature> {
        None
    }

    fn foresee(&self, seen: &Seen) -> Foresight {
        foresee(&self.0, seen)
    }

    fn decide(&mut self, stored: Option<&Stored>, _: AttemptId, others: OtherKinds) -> Decision<VoteRecorded> {
        // Two signatures of the same vote are not a double vote, so any signature of a repeat will do.
        decide_by_rule(&self.0, stored, others, |_| Some(VoteRecorded(())))
    }

    fn recorded(&self, (): ()) -> VoteRecorded {
        VoteRecorded(())
    }
}

impl Subject for BlockRequest {
    type Signature = Signature;
    type Recorded = BlockRecorded;

    const PRESIGNED: Option<Signature> = None;
    const RESTORES: bool = false;

    fn id(&self) -> &MarkId {
        &self.0.id
    }

    fn requester(&self) -> Option<PublicKeyHash> {
        self.0.requester
    }

    fn mark_over(&self, stored: Option<&Mark>, attempt: AttemptId, written: Option<Written>) -> Mark {
        mark_of(&self.0, stored, attempt, written)
    }

    fn entry(&self, _: Option<&Mark>) -> Entry {
        entry_of(&self.0)
    }

    fn stored(signature: Signature) -> Option<Signature> {
        Some(signature)
    }

    fn foresee(&self, seen: &Seen) -> Foresight {
        foresee(&self.0, seen)
    }

    fn decide(&mut self, stored: Option<&Stored>, _: AttemptId, others: OtherKinds) -> Decision<BlockRecorded> {
        decide_by_rule(&self.0, stored, others, |signature| signature.map(|signature| BlockRecorded { signature }))
    }

    fn recorded(&self, signature: Signature) -> BlockRecorded {
        BlockRecorded { signature }
    }
}

fn mark_of(request: &Request, stored: Option<&Mark>, attempt: AttemptId, written: Option<Written>) -> Mark {
    Mark {
        // What is in memory has it as soon as the stop item was read: see `Seen`.
        stoppable: stored.is_some_and(|stored| stored.stoppable),
        ..Mark::new(request.position, Some(request.digest), None, attempt, written)
    }
}

const fn entry_of(request: &Request) -> Entry {
    Entry::Signed(request.position, ShortDigest::of(&request.digest))
}

fn foresee(request: &Request, seen: &Seen) -> Foresight {
    match seen.last().map(|last| super::decide(Some(&last.mark), request)) {
        // Only the store can confirm a repeat.
        Some(Ok(Safe::Repeat { .. })) => Foresight::Confirm,
        // An operator may have raised the mark since, or lifted the stop.
        Some(Err(NotSafe::JumpTooFar { .. } | NotSafe::Stopped { .. })) | None => Foresight::Read,
        // The store decides an advance. Marks only rise, so what the last one seen forbids, the current one forbids too.
        Some(Ok(Safe::Advance) | Err(_)) => Foresight::Decide,
    }
}

fn decide_by_rule<R>(
    request: &Request,
    stored: Option<&Stored>,
    others: OtherKinds,
    repeat: impl FnOnce(Option<Signature>) -> Option<R>,
) -> Decision<R> {
    let mark = stored.map(|stored| &stored.mark);
    let others = match others {
        OtherKinds::NotRead if depends_on_other_kinds(mark, request) => return Decision::ReadOtherKinds,
        OtherKinds::NotRead => None,
        OtherKinds::Highest(highest) => highest,
    };
    let not_safe = |not_safe| Decision::End(Err(NotRecorded::NotSafe(not_safe)));
    match decide_among(mark, others, request) {
        Ok(Safe::Advance) => Decision::Write,
        Ok(Safe::Repeat { signature }) => match repeat(signature) {
            Some(recorded) => Decision::End(Ok(recorded)),
            None => not_safe(NotSafe::SignatureUnknown { requested: request.position }),
        },
        Err(reason) => not_safe(reason),
    }
}
