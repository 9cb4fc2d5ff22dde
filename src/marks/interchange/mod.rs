//! Files of marks: this program's export, and those of octez-signer and Signatory.
//!
//! Each file holds one JSON object. Its layout is recognized by the names in it:
//!
//! | | layout | |
//! | --- | --- | --- |
//! | export | `{"format": "azurehsm-signer marks", "version": 1, "marks": [mark, …]}` | `own.rs` |
//! | octez-signer | chain → key → record; the file is named after the kind | `octez.rs` |
//! | Signatory | key → kind → record, and two older ones; the file is named after the chain | `signatory.rs` |

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

/// A mark, and where to raise it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaiseTarget {
    /// The mark.
    pub id: MarkId,
    /// Level and round.
    pub position: Position,
    /// The digest of the payload, if known. Without it, nothing at the position is signed, not even a repeat.
    pub digest: Option<Digest>,
    /// The signature of a block, if known.
    pub signature: Option<Signature>,
}

impl RaiseTarget {
    /// Covers all rounds of its level: the signed round is unknown.
    fn of_whole_level(self) -> Self {
        let position = Position { round: NonNegative::MAX, ..self.position };
        Self { position, digest: None, signature: None, ..self }
    }
}

/// Information that a file's contents may lack.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints {
    /// The kind of all marks in it.
    pub kind: Option<Kind>,
    /// The chain of all marks in it.
    pub chain: Option<ChainId>,
}

impl Hints {
    /// Adds what octez-signer and Signatory put in the name of the file; `self` takes precedence.
    #[must_use]
    pub fn or_from_name(self, path: &Path) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let stem = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let kind = name.split_once("_high_watermark").and_then(|(kind, _)| record::kind(kind));
        Self { kind: self.kind.or(kind), chain: self.chain.or_else(|| stem.parse().ok()) }
    }
}

/// Reads all marks of a file in any layout. There may be several for one [`MarkId`]: see [`highest`].
///
/// # Errors
/// [`InterchangeError`], with the location in the file. No part of the file should then be used.
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

/// The marks of one key. The layout shows only in its records.
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

/// Why a file of marks cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InterchangeError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// A name occurs twice in one object, so one of two marks would be lost.
    #[error(transparent)]
    Repeated(Repeated),
    /// JSON in another layout.
    #[error(
        "not a file of marks: expected an export of this program, a high_watermarks file of octez-signer \
         (chain → key → mark), or a file of Signatory from watermark_v2 (key → kind → mark), watermark_v1 (key → mark) or \
         watermark (kind → key → mark). For other files, look up the levels and use azurehsm-signer marks raise"
    )]
    UnknownFormat,
    /// Another version of this program's format.
    #[error(
        "format version {found}, this release reads version {}: import the file with a release that supports it",
        own::VERSION
    )]
    UnknownVersion {
        /// The file's version.
        found: u32,
    },
    /// Neither the contents nor the file's name specify the kind.
    #[error("{at}: unknown kind; set it with --kind (octez-signer's files have it in their name)")]
    KindMissing {
        /// The location in the file.
        at: String,
    },
    /// Neither the contents nor the file's name specify the chain.
    #[error("{at}: unknown chain; set it with --chain (Signatory's files are named <chain>.json)")]
    ChainMissing {
        /// The location in the file.
        at: String,
    },
    /// An invalid value.
    #[error("{at}: {reason}")]
    Invalid {
        /// The location in the file.
        at: String,
        /// Why it is invalid.
        reason: String,
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
    fn invalid(at: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { at: at.to_owned(), reason: reason.into() }
    }
}

/// serde also deserializes a struct from an array of its values, which no layout uses.
fn as_object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>, InterchangeError> {
    value.as_object().ok_or_else(|| InterchangeError::invalid(at, "expected a JSON object"))
}

fn public_key_hash(text: &str, at: &str) -> Result<PublicKeyHash, InterchangeError> {
    text.parse().map_err(|error| InterchangeError::invalid(at, format!("{error}")))
}

#[cfg(test)]
mod tests;
