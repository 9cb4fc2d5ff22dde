//! Strict JSON for files that people edit or transfer: a duplicate name is an error, where most parsers keep only one value.

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use thiserror::Error;

/// Why a text is rejected.
#[derive(Debug, Error)]
pub enum JsonError {
    /// A duplicate name in an object.
    #[error(transparent)]
    Repeated(Repeated),
    /// Not JSON, or not of the expected form.
    #[error(transparent)]
    Invalid(#[from] serde_json::Error),
}

/// A duplicate name in an object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}duplicate name '{name}' (line {line}, column {column}): keep one of them")]
pub struct Repeated {
    /// The path of the object, followed by a colon and a space; empty at the top level.
    pub at: String,
    /// The duplicate name.
    pub name: String,
    /// The line of its second occurrence, from 1.
    pub line: usize,
    /// The column where the second occurrence ends, from 1.
    pub column: usize,
}

/// Parses a text, with or without a byte order mark.
///
/// # Errors
/// [`JsonError`], including for a duplicate name at any depth.
pub(crate) fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let found = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    if let Err(error) = (Names { at: &Place::Top, found: &found }).deserialize(&mut reader)
        && let Some((at, name)) = found.into_inner()
    {
        return Err(JsonError::Repeated(Repeated { at, name, line: error.line(), column: error.column() }));
    }
    Ok(serde_json::from_str(text)?)
}

/// Reads a value from an object. By itself, serde also reads a struct from a list of its values in order, which would be a second way to
/// write it.
pub(crate) fn from_object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    let object = Map::deserialize(deserializer)?;
    T::deserialize(Value::Object(object)).map_err(D::Error::custom)
}

/// The same for a list of objects.
pub(crate) fn from_objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Map<String, Value>>::deserialize(deserializer)?;
    let values = objects.into_iter().map(|object| T::deserialize(Value::Object(object)));
    values.collect::<Result<_, _>>().map_err(D::Error::custom)
}

/// The path of a value.
enum Place<'a> {
    Top,
    Member(&'a Place<'a>, &'a str),
    Element(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Member(Place::Top, name) => formatter.write_str(name),
            Self::Member(outer, name) => write!(formatter, "{outer}.{name}"),
            Self::Element(outer, index) => write!(formatter, "{outer}[{index}]"),
        }
    }
}

/// Visits names only. Values may be secret, and are not copied.
struct Names<'a> {
    at: &'a Place<'a>,
    /// The first duplicate name, and its path.
    found: &'a RefCell<Option<(String, String)>>,
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.contains(&name) {
                let at = self.at.to_string();
                *self.found.borrow_mut() = Some((if at.is_empty() { at } else { format!("{at}: ") }, name));
                return Err(M::Error::custom("duplicate name"));
            }
            map.next_value_seed(Names { at: &Place::Member(self.at, &name), found: self.found })?;
            names.insert(name);
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<(), S::Error> {
        let mut index = 0_usize;
        while elements.next_element_seed(Names { at: &Place::Element(self.at, index), found: self.found })?.is_some() {
            index = index.saturating_add(1);
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_duplicate_name_is_reported_with_its_position() {
        for (text, expected) in [
            (r#"{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 1}]}"#, None),
            ("\u{feff}{\"a\": 1}", None),
            (r#"{"a": 1, "a": 1}"#, Some("duplicate name 'a' (line 1, column 12): keep one of them")),
            ("{\"a\": {\"b\": 1,\n \"b\": 2}}", Some("a: duplicate name 'b' (line 2, column 4)")),
            (r#"{"a": {"b": [0, {"c": null, "c": 2}]}}"#, Some("a.b[1]: duplicate name 'c'")),
            (r#"[{"a": true, "\u0061": "x"}]"#, Some("[0]: duplicate name 'a'")),
            (r#"{"a": {"b": 1, "b": 1}, "#, Some("a: duplicate name 'b'")),
            (r#"{"a": 1.5e300, "b": -1"#, Some("EOF while parsing")),
            ("", Some("EOF while parsing")),
            ("{} {}", Some("trailing characters")),
        ] {
            let found = from_text::<Value>(text).map_err(|error| error.to_string());
            match (expected, found) {
                (None, found) => assert!(found.is_ok(), "{text}: {found:?}"),
                (Some(expected), Err(error)) => assert!(error.contains(expected), "{text}: {error}"),
                (Some(_), Ok(value)) => panic!("{text} was parsed as {value}"),
            }
        }
    }
}
