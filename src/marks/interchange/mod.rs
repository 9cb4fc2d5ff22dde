//! Marks in files: this program's own export, and the records of octez-signer and Signatory.
//!
//! Each file holds one JSON object. Its layout is recognised by the names in it:
//!
//! | | layout | |
//! | --- | --- | --- |
//! | own export | `{"format": "azurehsm-signer marks", "version": 1, "marks": [mark, …]}` | `own.rs` |
//! | octez-signer | chain → key → record; the file's name says the kind | `octez.rs` |
//! | Signatory | key → kind → record, and two older ones; the file's name says the chain | `signatory.rs` |

mod combined;
mod octez;
mod own;
mod record;
mod signatory;

pub use combined::highest;
pub use own::export;

use super::MarkId;
use crate::json::{self, JsonError, Repeated};
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{ChainId, Digest, PublicKeyHash, Signature};
use serde_json::{Map, Value};
use std::path::Path;
use thiserror::Error;

/// A mark to be raised to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaiseTarget {
    /// What it belongs to.
    pub id: MarkId,
    /// Level and round.
    pub position: Position,
    /// Of the payload, if known. Without it, nothing at the position is signed, not even a repeat.
    pub digest: Option<Digest>,
    /// Of a block, if known.
    pub signature: Option<Signature>,
}

impl RaiseTarget {
    /// A mark that closes all rounds of its level: what was signed is known to be at one of them.
    fn of_whole_level(self) -> Self {
        let position = Position { round: NonNegative::MAX, ..self.position };
        Self { position, digest: None, signature: None, ..self }
    }
}

/// What a file's contents do not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints {
    /// The kind of all marks in it.
    pub kind: Option<Kind>,
    /// The chain of all marks in it.
    pub chain: Option<ChainId>,
}

impl Hints {
    /// What octez-signer and Signatory say with the name of the file; `self` wins.
    #[must_use]
    pub fn or_from_name(self, path: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let kind = name.split_once("_high_watermark").and_then(|(kind, _)| record::kind(kind));
        Self { kind: self.kind.or(kind), chain: self.chain.or_else(|| stem.parse().ok()) }
    }
}

/// Reads all marks of a file, whichever layout it has. There may be several for one [`MarkId`]: see [`highest`].
///
/// # Errors
/// [`InterchangeError`], which names the place in the file; then nothing of it should be used.
pub fn parse(text: &str, hints: Hints) -> Result<Vec<RaiseTarget>, InterchangeError> {
    let value: Value = json::from_text(text)?;
    let Value::Object(object) = value else { return Err(InterchangeError::UnknownFormat) };
    if object.contains_key("format") {
        return own::parse(Value::Object(object));
    }
    let mut marks = Vec::new();
    for (name, value) in &object {
        if let Ok(chain) = name.parse::<ChainId>() {
            for (key, value) in as_object(value, name)? {
                marks.extend(of_key(Hints { chain: Some(chain), ..hints }, key, value)?);
            }
        } else if name.parse::<PublicKeyHash>().is_ok() {
            marks.extend(of_key(hints, name, value)?);
        } else if let Some(kind) = record::kind(name) {
            marks.extend(signatory::of_kind(hints.chain, kind, value, name)?);
        } else {
            return Err(InterchangeError::UnknownFormat);
        }
    }
    Ok(marks)
}

/// The marks of one key; only the records below it distinguish them.
fn of_key(hints: Hints, key: &str, value: &Value) -> Result<Vec<RaiseTarget>, InterchangeError> {
    let at = hints.chain.map_or_else(|| key.to_owned(), |chain| format!("{chain}/{key}"));
    let chain = hints.chain.ok_or_else(|| InterchangeError::ChainMissing { at: at.clone() })?;
    let key = public_key_hash(key, &at)?;
    let object = as_object(value, &at)?;
    if !object.contains_key("level") {
        signatory::of_kinds(chain, key, object, &at)
    } else if object.contains_key("order") {
        signatory::of_all_kinds(chain, key, value, &at)
    } else {
        octez::of_kind(chain, key, hints.kind, value, &at).map(|mark| vec![mark])
    }
}

/// Why a file of marks is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InterchangeError {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// A name is twice in one object: one of two marks would be lost.
    #[error(transparent)]
    Repeated(Repeated),
    /// JSON of another shape.
    #[error(
        "not a file of marks: expected an export of this program, a high_watermarks file of octez-signer \
         (chain → key → mark), or a file of Signatory from watermark_v2 (key → kind → mark), watermark_v1 (key → mark) or \
         watermark (kind → key → mark). For anything else, look up the levels, and use azurehsm-signer marks raise"
    )]
    UnknownFormat,
    /// A later version of this program's own format.
    #[error("format version {found}, this program reads version {}: import it with a release that does", own::VERSION)]
    UnknownVersion {
        /// The version.
        found: u32,
    },
    /// Neither the contents nor the file's name say the kind.
    #[error("{at}: the kind is not known; say it with --kind (octez-signer's files say it in their name)")]
    KindMissing {
        /// The place.
        at: String,
    },
    /// Neither the contents nor the file's name say the chain.
    #[error("{at}: the chain is not known; say it with --chain (Signatory's files are named <chain>.json)")]
    ChainMissing {
        /// The place.
        at: String,
    },
    /// A value that is not what should be there.
    #[error("{at}: {why}")]
    Invalid {
        /// The place.
        at: String,
        /// What is wrong with it.
        why: String,
    },
}

impl From<JsonError> for InterchangeError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Repeated(repeated) => Self::Repeated(repeated),
            JsonError::Invalid(error) => Self::NotJson(error.to_string()),
        }
    }
}

impl InterchangeError {
    fn invalid(at: &str, why: impl Into<String>) -> Self {
        Self::Invalid { at: at.to_owned(), why: why.into() }
    }
}

/// serde also reads a struct from an array of its values, which nobody means.
fn as_object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>, InterchangeError> {
    value.as_object().ok_or_else(|| InterchangeError::invalid(at, "expected a JSON object"))
}

fn public_key_hash(text: &str, at: &str) -> Result<PublicKeyHash, InterchangeError> {
    text.parse().map_err(|error| InterchangeError::invalid(at, format!("{error}")))
}

#[cfg(test)]
mod tests;
