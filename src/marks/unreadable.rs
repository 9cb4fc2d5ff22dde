//! Items that should be marks and are not, and what can still be read in them before an operator replaces them.

use super::{Stored, Version};
use crate::tezos::payload::{NonNegative, Position};

/// The item that a store holds under the name of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A mark.
    Mark(Box<Stored>),
    /// Something that is not a mark.
    Unreadable(Unreadable),
}

/// An item that should be a mark: damaged, or written by another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The item's name in the store.
    pub name: String,
    /// Why it is not a mark.
    pub reason: String,
    /// The stored text, lossily decoded.
    pub contents: String,
    /// Identifies these contents. A write with this version replaces them and nothing else.
    pub version: Version,
}

impl Unreadable {
    /// The lowest position that is certainly not below the damaged mark: the highest legible level, at the highest legible
    /// round, or at the last round if no round is legible. `None` if no level is legible, or an impossible one.
    pub fn legible(&self) -> Option<Position> {
        let level = highest_number(&self.contents, "level").and_then(|level| NonNegative::try_from(level).ok())?;
        let round = match highest_number(&self.contents, "round") {
            Some(round) => NonNegative::try_from(round).unwrap_or(NonNegative::MAX),
            None => NonNegative::MAX,
        };
        Some(Position { level, round })
    }
}

/// The highest number that follows `"name":` anywhere in a text that may be damaged JSON. Numbers that are too large
/// become `u32::MAX`.
fn highest_number(text: &str, name: &str) -> Option<u32> {
    let text = text.to_ascii_lowercase();
    text.match_indices(name)
        .filter_map(|(at, _)| {
            let rest = text.get(at + name.len()..)?;
            let value = rest.trim_start_matches(['"', '\'', '\\', ' ', '\t', '\r', '\n', ':', '=']);
            number(value)
        })
        .max()
}

/// The number at the beginning of a text, rounded up.
fn number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-'))).unwrap_or(text.len());
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, all) = (text.get(..digits)?, text.get(..end)?);
    if whole.is_empty() {
        return None;
    }
    let at_least = whole.parse().unwrap_or(u32::MAX);
    // Includes a fraction or an exponent, which may make the number larger.
    let exact: Option<f64> = all.parse().ok();
    let rounded = exact.map_or(at_least, |exact| {
        if exact > f64::from(u32::MAX) { u32::MAX } else { format!("{:.0}", exact.ceil()).parse().unwrap_or(u32::MAX) }
    });
    Some(rounded.max(at_least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_from_damaged_text() {
        const MAX: u32 = NonNegative::MAX.get();
        for (contents, expected) in [
            (r#"{"level": 500, "round": 2, "digest": "xx"}"#, Some((500, 2))),
            (r#"{"level":"500","round":"2"}"#, Some((500, 2))),
            (r#"{"level": 500.5, "round": 1e1}"#, Some((501, 10))),
            (r#"{"mark": {"Level": 7, "round": 1}, "level": 3, "round": 0}"#, Some((7, 1))),
            (r#"{"level":500,"rou"#, Some((500, MAX))),
            (r#"{"level": 500}"#, Some((500, MAX))),
            (r#"{"level": 500, "round": -1}"#, Some((500, MAX))),
            (r#"{"level": 500, "round": 99999999999}"#, Some((500, MAX))),
            (r#"{"level": 2147483648, "round": 0}"#, None),
            (r#"{"level": 99999999999999999999, "round": 0}"#, None),
            (r#"{"level": null, "round": 5}"#, None),
            ("nonsense", None),
            ("", None),
            ("{\"level\": \u{fffd}", None),
        ] {
            let unreadable = Unreadable {
                name: "name".to_owned(),
                reason: "why".to_owned(),
                contents: contents.to_owned(),
                version: Version("1".to_owned()),
            };
            let legible = unreadable.legible().map(|found| (found.level.get(), found.round.get()));
            assert_eq!(legible, expected, "{contents}");
        }
    }
}
