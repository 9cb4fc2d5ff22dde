//! The outcomes of cases.

use crate::case::{Consequence, Feature};
use serde::Serialize;

/// The way in which an answer differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// A signature was released that must not be.
    Released,
    /// Something required is missing: a signature, or another answer that the client can use.
    Withheld,
}

/// The outcome of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// As expected.
    Passed,
    /// The verdict is as expected; the status or the error format is not the recommended one.
    Status {
        /// The recommended answer.
        expected: String,
        /// The actual answer.
        came: String,
    },
    /// Not as expected.
    Differs {
        /// The expected answer.
        expected: String,
        /// The actual answer.
        came: String,
        /// The way in which it differs.
        difference: Difference,
    },
    /// Not run, since the signer lacks a feature by design.
    LeftOut {
        /// The missing feature.
        feature: Feature,
        /// What the signer does instead.
        reason: String,
    },
    /// Not run.
    NotRun {
        /// What is missing.
        reason: String,
    },
}

impl Outcome {
    /// Something required is missing.
    pub(super) fn differs(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Differs { expected: expected.into(), came: came.into(), difference: Difference::Withheld }
    }

    /// A signature was released that must not be.
    pub(super) fn released(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Differs { expected: expected.into(), came: came.into(), difference: Difference::Released }
    }

    pub(super) fn status(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Status { expected: expected.into(), came: came.into() }
    }

    /// The more severe of two outcomes of a case; the first if they are equally severe.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if other.severity() > self.severity() { other } else { self }
    }

    const fn severity(&self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Status { .. } => 1,
            Self::NotRun { .. } | Self::LeftOut { .. } => 2,
            Self::Differs { .. } => 3,
        }
    }
}

/// A case and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// File of the case: keys, decode, sequences, policy, signatures or http.
    pub group: &'static str,
    /// Case id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// The most that a difference can cost.
    pub consequence: Consequence,
    /// The outcome.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl CaseReport {
    /// What the difference costs, if there is one. Where no forbidden signature was released, a lost slot is the most it can cost,
    /// even if the case is about slashing.
    pub fn costs(&self) -> Option<Consequence> {
        match &self.outcome {
            Outcome::Differs { difference: Difference::Released, .. } => Some(self.consequence),
            Outcome::Differs { difference: Difference::Withheld, .. } => {
                Some(self.consequence.min(Consequence::LostSlot))
            }
            Outcome::Status { .. } => Some(Consequence::Cosmetic),
            Outcome::Passed | Outcome::LeftOut { .. } | Outcome::NotRun { .. } => None,
        }
    }
}
