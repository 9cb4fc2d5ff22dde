use crate::case::{Consequence, Feature};
use serde::Serialize;

/// In which way an answer differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// A signature came that must not.
    Released,
    /// What must come did not: a signature, or another answer that the client can use.
    Withheld,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// As expected.
    Passed,
    /// The verdict is as expected, the status or the error's form is not the recommended one.
    Status {
        /// What is recommended.
        expected: String,
        /// What came.
        came: String,
    },
    /// Not as expected.
    Differs {
        /// What is expected.
        expected: String,
        /// What came.
        came: String,
        /// In which way.
        difference: Difference,
    },
    /// Not asked, since signers of the profile have no notion of it.
    LeftOut {
        /// What they do not have.
        feature: Feature,
        /// What they have in its place.
        reason: String,
    },
    /// Not asked.
    NotRun {
        /// What is missing.
        reason: String,
    },
}

impl Outcome {
    /// Something that is needed did not come.
    pub(super) fn differs(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Differs { expected: expected.into(), came: came.into(), difference: Difference::Withheld }
    }

    /// A signature came that must not.
    pub(super) fn released(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Differs { expected: expected.into(), came: came.into(), difference: Difference::Released }
    }

    pub(super) fn status(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Status { expected: expected.into(), came: came.into() }
    }

    /// The graver of two outcomes of one case; of two that are as grave, the first.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }

    const fn gravity(&self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Status { .. } => 1,
            Self::NotRun { .. } | Self::LeftOut { .. } => 2,
            Self::Differs { .. } => 3,
        }
    }
}

/// A case, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// The file: keys, decode, sequences, policy, signatures or http.
    pub group: &'static str,
    /// The id.
    pub id: String,
    /// Why the case exists.
    pub why: String,
    /// What a difference costs at most.
    pub consequence: Consequence,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl CaseReport {
    /// What the difference costs, if there is one. Where nothing was released that must not be, nobody is slashed or robbed,
    /// whatever else the case would have asked.
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
