use crate::hashed::Hashed;
use crate::recording::Recording;
use azurehsm_signer::marks::{Mark, Stored, Version, VoteRecorded};
use azurehsm_signer::tezos::Signature;

/// A request in an instance: the product's own [`Recording`], and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    pub(crate) recording: Recording,
    pub(crate) at: At,
    /// The signature of a vote, once the vault has made it. It is asked for at the beginning.
    pub(crate) made: Option<Signature>,
    /// How many writes were sent.
    pub(crate) writes: u8,
    /// Whether the mark is read to confirm a repeat.
    pub(crate) is_confirming: bool,
    /// Whether the last one was sent again without a look at what became of the first: only in a broken instance.
    pub(crate) is_resent: bool,
}

/// Where a request is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// The store is asked for the mark.
    Reading,
    /// The store has answered, and the answer is on its way. It says what was, not what is, and of which container.
    Told(Option<Box<Stored>>, u8),
    /// The vault is asked for the signature of a block.
    Signing,
    /// A write is on its way to the store.
    Writing,
    /// The store has answered, and the answer is on its way: done, with this version, or changed, and in which container.
    Wrote(Option<Version>, u8),
    /// The store has accepted the mark of a vote; the vault has not signed yet.
    Recorded(VoteRecorded),
}

impl Task {
    pub(crate) const fn new(recording: Recording, made: Option<Signature>) -> Self {
        Self { recording, at: At::Reading, made, writes: 0, is_confirming: false, is_resent: false }
    }

    /// Whether others that may write the same mark in the same process have to wait for it.
    pub(crate) const fn holds_the_mark(&self) -> bool {
        !matches!(self.at, At::Recorded(_)) && !self.is_confirming
    }

    /// The write that is on its way to the store, if one is.
    pub(crate) fn on_its_way(&self, mark: usize) -> Option<Hashed<Stray>> {
        let (new, expected) = self.recording.mark();
        (self.at == At::Writing).then(|| Hashed::new(Stray { mark, new: new.clone(), expected: expected.cloned() }))
    }
}

/// A write on the network that nobody waits for: its sender has died or given it up, or it is a copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stray {
    pub(crate) mark: usize,
    pub(crate) new: Mark,
    pub(crate) expected: Option<Version>,
}
