//! Mistakes of the witness, which the model must catch.

use super::WitnessSetup;
use super::properties::{ABOVE, ACKNOWLEDGED, NO_FALSE_ALARM, SILENT};
use super::setup::{SMALL, SMALL_FIRST, SMALL_OWN, SMALL_TWICE};
use std::fmt;

/// A mistake of the witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenWitness {
    /// The marks are read before the block.
    MarksReadFirst,
    /// The stop does not raise the mark.
    NotRaised,
    /// The mark is raised in a write of its own, after the stop.
    RaisedAfterwards,
    /// What was seen before the first signature here raises nothing.
    NotSilent,
    /// Evidence that an operator has acknowledged stops the key again.
    StoppedAgain,
}

impl BrokenWitness {
    /// All mistakes.
    pub const ALL: [Self; 5] =
        [Self::MarksReadFirst, Self::NotRaised, Self::RaisedAfterwards, Self::NotSilent, Self::StoppedAgain];

    /// The setup that exposes it, with the properties of which it violates one there.
    pub const fn shows(self) -> (WitnessSetup, &'static [&'static str]) {
        match self {
            Self::MarksReadFirst => (SMALL_OWN, &[NO_FALSE_ALARM]),
            Self::NotRaised => (SMALL, &[SILENT]),
            Self::RaisedAfterwards => (SMALL, &[ABOVE]),
            Self::NotSilent => (SMALL_FIRST, &[SILENT]),
            Self::StoppedAgain => (SMALL_TWICE, &[ACKNOWLEDGED]),
        }
    }
}

impl fmt::Display for BrokenWitness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::MarksReadFirst => "witness: marks are read before the block",
            Self::NotRaised => "witness: a stop does not raise the mark",
            Self::RaisedAfterwards => "witness: the mark is raised afterwards",
            Self::NotSilent => "witness: a new key is not kept silent",
            Self::StoppedAgain => "witness: acknowledged evidence stops again",
        })
    }
}
