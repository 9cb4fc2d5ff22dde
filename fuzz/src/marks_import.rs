//! Import of files with marks. An input is a byte of hints, the name of a file, a line feed, and the file.

use azurehsm_signer::marks::interchange::{Hints, RaiseTarget, export, parse};
use azurehsm_signer::marks::{AttemptId, Mark, MarkId};
use azurehsm_signer::tezos::ChainId;
use azurehsm_signer::tezos::payload::{Kind, NonNegative};
use serde_json::Value;
use std::path::Path;

/// Imported marks are in the file, and survive an export and another import.
pub fn check(input: &[u8]) {
    let Some((hint, rest)) = input.split_first() else { return };
    let Some((name, text)) = str::from_utf8(rest).ok().and_then(|text| text.split_once('\n')) else { return };
    let said = hints(*hint);
    let hints = said.or_from_name(Path::new(name));
    assert!(said.kind.is_none() || hints.kind == said.kind, "an explicit hint takes precedence over the file name");
    assert!(said.chain.is_none() || hints.chain == said.chain, "an explicit hint takes precedence over the file name");

    match parse(text, hints) {
        Ok(imported) => check_imported(text, hints, &imported),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Bits 0 and 1: the kind, if any; bit 2: the chain.
fn hints(byte: u8) -> Hints {
    let kind = Kind::ALL.get(usize::from(byte & 3)).copied();
    let chain = (byte & 4 != 0).then(|| ChainId::from_bytes([0x7a, 0x06, 0xa7, 0x70]));
    Hints { kind, chain }
}

fn check_imported(text: &str, hints: Hints, imported: &[RaiseTarget]) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file: Value = serde_json::from_str(text).expect("an accepted file is JSON");
    for mark in imported {
        let (level, round) = (mark.position.level.get(), mark.position.round.get());
        assert!(level < 1 << 31 && round < 1 << 31);
        let is_said = holds(&file, &|object| says(object, mark));
        assert!(is_said, "level {level}, round {round} are in the file");
        let names = |text: &str| holds(&file, &|value| has_key(value, text) || has_value(value, text));
        assert!(names(&mark.id.key.to_string()), "the key is in the file");
        assert!(
            hints.chain == Some(mark.id.chain) || names(&mark.id.chain.to_string()),
            "the chain is in the file or in the hints"
        );
        assert!(mark.signature.is_none() || mark.id.kind == Kind::Block, "only blocks have a signature");
        assert!(mark.signature.is_none_or(|signature| signature.curve() == mark.id.key.curve()));
    }
    let marks: Vec<_> = imported.iter().map(|mark| (mark.id, as_stored(mark))).collect();
    let exported = export(&marks).expect("marks can always be exported");
    // An export is complete: hints do not change it.
    assert_eq!(parse(&exported, Hints::default()).as_deref(), Ok(imported));
    assert_eq!(parse(&exported, hints).as_deref(), Ok(imported));
    for (id, _) in &marks {
        assert_eq!(id.to_string().parse::<MarkId>().as_ref(), Ok(id));
    }
}

fn as_stored(imported: &RaiseTarget) -> Mark {
    let attempt: AttemptId = "0".parse().unwrap();
    let RaiseTarget { position, digest, signature, .. } = *imported;
    Mark::new(position, digest, signature, attempt, None)
}

/// Whether the tree has an object that satisfies the predicate.
fn holds(value: &Value, is_true: &dyn Fn(&Value) -> bool) -> bool {
    is_true(value)
        || match value {
            Value::Object(object) => object.values().any(|value| holds(value, is_true)),
            Value::Array(values) => values.iter().any(|value| holds(value, is_true)),
            _ => false,
        }
}

/// A record without a round covers all rounds of its level; for a block, this is optional.
fn says(object: &Value, mark: &RaiseTarget) -> bool {
    let number = |field| object.get(field).and_then(Value::as_u64);
    let (level, round) = (mark.position.level.get(), mark.position.round);
    let is_whole_level = round == NonNegative::MAX && mark.digest.is_none();
    number("level") == Some(level.into())
        && match number("round") {
            Some(said) => said == u64::from(round.get()) || (is_whole_level && mark.id.kind == Kind::Block),
            None => is_whole_level,
        }
}

fn has_key(value: &Value, text: &str) -> bool {
    value.as_object().is_some_and(|object| object.contains_key(text))
}

fn has_value(value: &Value, text: &str) -> bool {
    value.as_object().is_some_and(|object| object.values().any(|value| value == text))
}
