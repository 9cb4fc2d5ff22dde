//! A field of a policy file, where absent and `null` differ.

use super::error::PolicyProblem;
use serde::Deserialize;
use serde::de::Deserializer;

/// The value of one field. `null` lifts a limit that the default sets, while an absent field keeps it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Field<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T> Field<T> {
    /// The limit, given the default's. `null` means no limit.
    pub(super) fn over(self, default: Option<T>) -> Option<T> {
        match self {
            Self::Absent => default,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// Converts the value.
    pub(super) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Value(value) => Field::Value(convert(value)),
        }
    }

    /// The value of a field that is not a limit, where `null` is an error.
    pub(super) fn value(
        self,
        at: impl FnOnce() -> String,
        expected: &'static str,
        errors: &mut Vec<PolicyProblem>,
    ) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Null => {
                errors.push(PolicyProblem::Null { at: at(), expected });
                None
            }
            Self::Value(value) => Some(value),
        }
    }
}
