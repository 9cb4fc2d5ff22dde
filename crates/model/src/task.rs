//! A request in progress at an instance.

use crate::hashed::Hashed;
use crate::recording::Recording;
use azurehsm_signer::marks::{Mark, Stored, Version, VoteRecorded};
use azurehsm_signer::tezos::Signature;

/// A request in progress: the product's own [`Recording`], and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    pub(crate) recording: Recording,
    pub(crate) at: At,
    /// The signature of a vote, once the vault has signed. It is requested at the beginning.
    pub(crate) signature: Option<Signature>,
    /// Number of writes sent.
    pub(crate) writes: u8,
    /// Whether the mark is being read to confirm a repeat.
    pub(crate) is_confirming: bool,
    /// Whether the last write was resent without reading back: only in a broken variant.
    pub(crate) is_resent: bool,
    /// The container that the key's tag named when the request arrived.
    pub(crate) tag: u8,
    /// How its instance treats stops.
    pub(crate) release: Release,
}

/// The release of an instance, as far as stops are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Release {
    /// This one.
    Current,
    /// The first one: it does not read the stop item, and drops the fields that it does not know.
    Earlier,
    /// Broken: it read these stops before it wrote the mark, and does not read them again.
    ReadBefore(u8),
    /// It writes marks as if the stop item had been read. Broken, unless there are no stops.
    FlagAtOnce,
}

/// What a request waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum At {
    /// For the store to read the mark.
    Reading,
    /// For the store's response, which shows the past, not the present; with the container that it came from.
    ReadAnswered(Option<Box<Stored>>, u8),
    /// For the store to read the key's stop item.
    ReadingStops,
    /// For the store's response: the stops, by number.
    StopsAnswered(u8),
    /// For the vault to sign a block.
    Signing,
    /// For a write to arrive at the store.
    Writing,
    /// For the store's response: the new version, or `None` on a conflict; with the container that it came from.
    WriteAnswered(Option<Version>, u8),
    /// For the vault to sign a vote whose mark the store has accepted.
    Recorded(VoteRecorded),
}

impl Task {
    pub(crate) const fn new(recording: Recording, signature: Option<Signature>, tag: u8, release: Release) -> Self {
        Self { recording, at: At::Reading, signature, writes: 0, is_confirming: false, is_resent: false, tag, release }
    }

    /// Whether other requests that may write the same mark in the same process have to wait for it.
    pub(crate) const fn holds_the_mark(&self) -> bool {
        !matches!(self.at, At::Recorded(_)) && !self.is_confirming
    }

    /// The write on its way to the store, if there is one.
    pub(crate) fn on_its_way(&self, mark: usize) -> Option<Hashed<Stray>> {
        let (new, expected) = self.recording.mark();
        (self.at == At::Writing).then(|| {
            let stoppable = match self.release {
                Release::Current | Release::ReadBefore(_) => new.stoppable,
                Release::Earlier => false,
                Release::FlagAtOnce => true,
            };
            let mut new = Mark { stoppable, ..new.clone() };
            if self.release == Release::Earlier {
                new.trail = None;
            }
            Hashed::new(Stray { mark, new, expected: expected.cloned() })
        })
    }
}

/// A write in flight that nobody waits for: its sender has crashed or given up, or it is a copy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stray {
    pub(crate) mark: usize,
    pub(crate) new: Mark,
    pub(crate) expected: Option<Version>,
}
