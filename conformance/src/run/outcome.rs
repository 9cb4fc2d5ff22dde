use serde::Serialize;

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
    },
    /// Not asked.
    NotRun {
        /// What is missing.
        reason: String,
    },
}

impl Outcome {
    pub(super) fn differs(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Differs { expected: expected.into(), came: came.into() }
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
            Self::NotRun { .. } => 2,
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
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}
