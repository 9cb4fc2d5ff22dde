//! Broken relays, which the model must catch.

use super::RelaySetup;
use super::properties::{NOT_SPLIT, REFUSED};
use super::setup::{SMALL_COMPANION, SMALL_LEVELS, SMALL_OTHER_STORE};
use crate::history::ONE_DIGEST;
use std::fmt;

/// A mistake of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenRelay {
    /// A refusal below the mark is final, although another request for the same bytes is in flight.
    BelowMarkIsFinal,
    /// The first signature counts, whichever store the signer has.
    OtherStoreCounts,
    /// The companion key's signature is requested together with the consensus key's.
    CompanionAtOnce,
}

impl BrokenRelay {
    /// All variants.
    pub const ALL: [Self; 3] = [Self::BelowMarkIsFinal, Self::OtherStoreCounts, Self::CompanionAtOnce];

    /// The setup that exposes it, with the property that it violates there.
    pub const fn shows(self) -> (RelaySetup, &'static [&'static str]) {
        match self {
            Self::BelowMarkIsFinal => (SMALL_LEVELS, &[REFUSED]),
            Self::OtherStoreCounts => (SMALL_OTHER_STORE, &[ONE_DIGEST]),
            Self::CompanionAtOnce => (SMALL_COMPANION, &[NOT_SPLIT]),
        }
    }
}

impl fmt::Display for BrokenRelay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::BelowMarkIsFinal => "relay: below the mark is final",
            Self::OtherStoreCounts => "relay: signatures of another store count",
            Self::CompanionAtOnce => "relay: both keys requested at once",
        })
    }
}
