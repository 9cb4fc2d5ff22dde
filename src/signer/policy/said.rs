use serde::Deserialize;
use serde::de::Deserializer;

/// What a policy file says in one field: nothing, `null`, or a value. `null` is not nothing: it lifts a limit of the default.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Said<T> {
    /// The field is absent.
    #[default]
    Nothing,
    /// `null`.
    Null,
    /// A value.
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Said<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

impl<T> Said<T> {
    /// Of a limit, over that of the default. `null` is no limit.
    pub(super) fn over(self, default: Option<T>) -> Option<T> {
        match self {
            Self::Nothing => default,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// The value as another type.
    pub(super) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Said<U> {
        match self {
            Self::Nothing => Said::Nothing,
            Self::Null => Said::Null,
            Self::Value(value) => Said::Value(convert(value)),
        }
    }

    /// Of anything else: `null` means nothing there, and is an error.
    pub(super) fn value(self, at: impl FnOnce() -> String, expected: &str, errors: &mut Vec<String>) -> Option<T> {
        match self {
            Self::Nothing => None,
            Self::Null => {
                errors.push(format!("{}: null is no value here; {expected}", at()));
                None
            }
            Self::Value(value) => Some(value),
        }
    }
}
