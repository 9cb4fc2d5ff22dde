//! Mistakes about handovers, which the model must catch.

use super::HandoverSetup;
use super::properties::ONE_DIGEST_IN_BOTH;
use super::setup::{SMALL, SMALL_BACK, SMALL_LEVELS, SMALL_NEITHER, SMALL_UNCOVERED, SMALL_UNRAISED};
use std::fmt;

/// A mistake about handovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenHandover {
    /// B starts at once.
    StartedFirst,
    /// B starts without the marks of A, and without a raise.
    NothingImported,
    /// The marks are exported before A is stopped, and not raised.
    ExportedFirst,
    /// A is not stopped.
    NotStopped,
    /// A goes on before B is stopped.
    ResumedFirst,
    /// A goes on at its own marks.
    ResumedAtOldMarks,
    /// The stop creates no marks, and a process that creates one is suspended until the stop is lifted: a documented limit.
    NotCovered,
}

impl BrokenHandover {
    /// All mistakes.
    pub const ALL: [Self; 7] = [
        Self::StartedFirst,
        Self::NothingImported,
        Self::ExportedFirst,
        Self::NotStopped,
        Self::ResumedFirst,
        Self::ResumedAtOldMarks,
        Self::NotCovered,
    ];

    /// The setup that exposes it, with the properties of which it violates one there.
    pub const fn shows(self) -> (HandoverSetup, &'static [&'static str]) {
        let setup = match self {
            Self::StartedFirst => SMALL,
            Self::NotStopped => SMALL_LEVELS,
            Self::NotCovered => SMALL_UNCOVERED,
            Self::NothingImported => SMALL_NEITHER,
            Self::ExportedFirst => SMALL_UNRAISED,
            Self::ResumedFirst | Self::ResumedAtOldMarks => SMALL_BACK,
        };
        (setup, &[ONE_DIGEST_IN_BOTH])
    }
}

impl fmt::Display for BrokenHandover {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::StartedFirst => "handover: B starts first",
            Self::NothingImported => "handover: B imports and raises nothing",
            Self::ExportedFirst => "handover: exported before the stop, no raise",
            Self::NotStopped => "handover: A is not stopped",
            Self::ResumedFirst => "handover: A goes on before B is stopped",
            Self::ResumedAtOldMarks => "handover: A goes on at its old marks",
            Self::NotCovered => "handover: the stop does not cover the chain",
        })
    }
}
