//! Marks on paper: this program's own export, and the files of octez-signer and Signatory.
//!
//! * own: `{"format": "azurehsm-signer marks", "version": 1, "marks": [{"chain", "key", "kind", "level", "round",
//!   "digest", "signature"}]}`;
//! * octez-signer: `<kind>_high_watermarks`, chain → key → `{level, round, hash, signature}`, where the hash is the
//!   hexadecimal BLAKE2b-256 of the payload (`src/bin_signer/handler.ml`). The file's name says the kind;
//! * Signatory: `watermark_v2/<chain>.json`, key → kind → `{level, round, hash}`, where the hash is the same digest written
//!   as a block payload hash. The file's name says the chain.

use super::{Mark, MarkId};
use crate::tezos::base58check::{self, Prefix};
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{ChainId, Digest, PublicKeyHash, Signature, SignatureText};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;
use thiserror::Error;

/// A mark to be raised to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What it belongs to.
    pub id: MarkId,
    /// Level and round.
    pub position: Position,
    /// Of the payload, if known.
    pub digest: Option<Digest>,
    /// Of a block, if known.
    pub signature: Option<Signature>,
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
        let kind = name.split_once("_high_watermark").and_then(|(kind, _)| kind_of_name(kind));
        Self { kind: self.kind.or(kind), chain: self.chain.or_else(|| stem.parse().ok()) }
    }
}

/// Reads all marks of a file of any of the three formats.
///
/// # Errors
/// [`ImportError`], which names the place in the file; then nothing of it should be used.
pub fn parse(text: &str, hints: Hints) -> Result<Vec<Imported>, ImportError> {
    let value: Value = serde_json::from_str(text).map_err(|error| ImportError::NotJson(error.to_string()))?;
    let Value::Object(object) = value else { return Err(ImportError::UnknownFormat) };
    if object.contains_key("format") {
        return own(Value::Object(object));
    }
    let mut marks = Vec::new();
    for (name, value) in &object {
        if let Ok(chain) = name.parse() {
            let keys = as_object(value, name)?;
            for (key, value) in keys {
                of_key(&mut marks, Hints { chain: Some(chain), ..hints }, key, value)?;
            }
        } else if name.parse::<PublicKeyHash>().is_ok() {
            of_key(&mut marks, hints, name, value)?;
        } else {
            return Err(ImportError::UnknownFormat);
        }
    }
    Ok(marks)
}

/// Writes marks as this program's own export.
///
/// # Errors
/// None that is known; an error is not taken for an empty export.
pub fn export(marks: &[(MarkId, Mark)]) -> Result<String, serde_json::Error> {
    let export = Export {
        format: FORMAT.to_owned(),
        version: FORMAT_VERSION,
        marks: marks
            .iter()
            .map(|(id, mark)| ExportedMark {
                chain: id.chain.to_string(),
                key: id.key.to_string(),
                kind: id.kind.to_string(),
                level: mark.position.level.get(),
                round: mark.position.round.get(),
                digest: mark.digest.map(|digest| digest.to_string()),
                signature: mark.signature.map(|signature| signature.to_string()),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&export)
}

/// Why a file of marks is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ImportError {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON of another shape.
    #[error(
        "not a file of marks: expected an export of this program, a high_watermarks file of octez-signer \
         (chain → key → mark), or a watermark_v2 file of Signatory (key → kind → mark)"
    )]
    UnknownFormat,
    /// A later version of this program's own format.
    #[error("format version {found}, this program reads version {FORMAT_VERSION}")]
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

const FORMAT: &str = "azurehsm-signer marks";
const FORMAT_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    format: String,
    version: u32,
    marks: Vec<ExportedMark>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportedMark {
    chain: String,
    key: String,
    kind: String,
    level: u32,
    round: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

fn own(value: Value) -> Result<Vec<Imported>, ImportError> {
    let invalid = |at: &str, why: String| ImportError::Invalid { at: at.to_owned(), why };
    if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(ImportError::UnknownFormat);
    }
    if let Some(found) = value.get("version").and_then(Value::as_u64).and_then(|version| u32::try_from(version).ok())
        && found != FORMAT_VERSION
    {
        return Err(ImportError::UnknownVersion { found });
    }
    for (index, mark) in value.get("marks").and_then(Value::as_array).into_iter().flatten().enumerate() {
        as_object(mark, &format!("marks[{index}]"))?;
    }
    let export: Export = serde_json::from_value(value).map_err(|error| invalid("marks", error.to_string()))?;
    export
        .marks
        .into_iter()
        .enumerate()
        .map(|(index, mark)| {
            let at = format!("marks[{index}]");
            let id = MarkId {
                chain: mark.chain.parse().map_err(|error| invalid(&at, format!("chain: {error}")))?,
                key: mark.key.parse().map_err(|error| invalid(&at, format!("key: {error}")))?,
                kind: mark.kind.parse().map_err(|error| invalid(&at, format!("kind: {error}")))?,
            };
            let record = Record {
                level: i64::from(mark.level),
                round: i64::from(mark.round),
                hash: mark.digest,
                signature: mark.signature,
            };
            record.into_imported(id, &at)
        })
        .collect()
}

/// A mark of the other two formats. Other fields are ignored.
#[derive(Deserialize)]
struct Record {
    level: i64,
    #[serde(default)]
    round: i64,
    #[serde(default)]
    hash: Option<String>,
    #[serde(default)]
    signature: Option<String>,
}

impl Record {
    fn into_imported(self, id: MarkId, at: &str) -> Result<Imported, ImportError> {
        let number = |field: &str, value: i64| {
            i32::try_from(value).ok().and_then(|value| NonNegative::try_from(value).ok()).ok_or_else(|| {
                let why = format!("{field} is {value}, expected 0 to {}", NonNegative::MAX);
                ImportError::Invalid { at: at.to_owned(), why }
            })
        };
        let position = Position { level: number("level", self.level)?, round: number("round", self.round)? };
        let invalid = |why| ImportError::Invalid { at: at.to_owned(), why };
        let digest = self.hash.map(|text| digest(&text)).transpose().map_err(invalid)?;
        let signature = self.signature.map(|text| signature(&text, &id)).transpose().map_err(invalid)?;
        let signature = signature.filter(|_| id.kind == Kind::Block);
        Ok(Imported { id, position, digest, signature })
    }
}

fn of_key(marks: &mut Vec<Imported>, hints: Hints, key: &str, value: &Value) -> Result<(), ImportError> {
    let at = hints.chain.map_or_else(|| key.to_owned(), |chain| format!("{chain}/{key}"));
    let chain = hints.chain.ok_or_else(|| ImportError::ChainMissing { at: at.clone() })?;
    let invalid = |at: &str, why: String| ImportError::Invalid { at: at.to_owned(), why };
    let key: PublicKeyHash = key.parse().map_err(|error| invalid(&at, format!("{error}")))?;
    let object = as_object(value, &at)?;

    let mut push = |kind: Kind, value: &Value, at: &str| {
        as_object(value, at)?;
        let record = Record::deserialize(value).map_err(|error| invalid(at, error.to_string()))?;
        marks.push(record.into_imported(MarkId { chain, key, kind }, at)?);
        Ok(())
    };
    if object.contains_key("level") {
        let kind = hints.kind.ok_or_else(|| ImportError::KindMissing { at: at.clone() })?;
        return push(kind, value, &at);
    }
    for (name, value) in object {
        let at = format!("{at}/{name}");
        let kind = kind_of_name(name).ok_or_else(|| invalid(&at, format!("'{name}' is not a kind")))?;
        push(kind, value, &at)?;
    }
    Ok(())
}

/// serde also reads a struct from an array of its values, which nobody means.
fn as_object<'a>(value: &'a Value, at: &str) -> Result<&'a Map<String, Value>, ImportError> {
    value
        .as_object()
        .ok_or_else(|| ImportError::Invalid { at: at.to_owned(), why: "expected a JSON object".to_owned() })
}

/// Today's names and those of protocols before attestations were called so.
fn kind_of_name(name: &str) -> Option<Kind> {
    match name {
        "endorsement" => Some(Kind::Attestation),
        "preendorsement" => Some(Kind::Preattestation),
        name => name.parse().ok(),
    }
}

fn digest(text: &str) -> Result<Digest, String> {
    if let Ok(digest) = text.parse() {
        return Ok(digest);
    }
    let bytes = base58check::decode(Prefix::BlockPayloadHash, text)
        .map_err(|error| format!("the hash is neither 64 hexadecimal digits nor a block payload hash: {error}"))?;
    bytes.as_slice().try_into().map(Digest::from_bytes).map_err(|_| "the hash has not 32 bytes".to_owned())
}

fn signature(text: &str, id: &MarkId) -> Result<Signature, String> {
    let text: SignatureText = text.parse().map_err(|error| format!("signature: {error}"))?;
    text.of_curve(id.key.curve())
        .ok_or_else(|| format!("the signature is not one of a {} key", id.key.curve().address_prefix()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_not_taken_for_a_mark() {
        let of_signatory = r#"{"tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t": {"attestation": [5, 1]}}"#;
        let own = r#"{"format": "azurehsm-signer marks", "version": 1,
                      "marks": [["NetXdQprcVkpaWU", "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "attestation", 7, 2]]}"#;
        let chain = Some("NetXdQprcVkpaWU".parse().unwrap());
        for (text, place) in [(of_signatory, "/attestation"), (own, "marks[0]")] {
            let error = parse(text, Hints { chain, kind: None }).unwrap_err();
            let ImportError::Invalid { at, why } = &error else { panic!("{error}") };
            assert!(at.ends_with(place) && why == "expected a JSON object", "{error}");
        }
    }
}
