//! A record, as all layouts have it with few differences.

use super::{ImportError, Imported, as_object};
use crate::marks::MarkId;
use crate::tezos::base58check::{self, Prefix};
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{Digest, Signature, SignatureText};
use serde::Deserialize;
use serde_json::Value;

/// Other fields are ignored.
#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) level: i64,
    /// Without one, the record speaks of the whole level.
    pub(super) round: Option<i64>,
    pub(super) hash: Option<String>,
    pub(super) signature: Option<String>,
}

impl Record {
    pub(super) fn read(value: &Value, at: &str) -> Result<Self, ImportError> {
        as_object(value, at)?;
        Self::deserialize(value).map_err(|error| ImportError::invalid(at, error.to_string()))
    }

    pub(super) fn into_imported(self, id: MarkId, at: &str) -> Result<Imported, ImportError> {
        let level = number("level", self.level, at)?;
        let round = self.round.map(|round| number("round", round, at)).transpose()?;
        let invalid = |why| ImportError::invalid(at, why);
        let digest = self.hash.map(|text| digest(&text)).transpose().map_err(invalid)?;
        let signature = self.signature.map(|text| signature(&text, &id)).transpose().map_err(invalid)?;
        let signature = signature.filter(|_| id.kind == Kind::Block);
        let mark =
            Imported { id, position: Position { level, round: round.unwrap_or(NonNegative::MAX) }, digest, signature };
        Ok(if round.is_some() { mark } else { mark.of_whole_level() })
    }
}

/// The kind of a record by the names that other signers use: those of today, those of protocols before attestations were
/// called so, and that of an attestation with DAL content, of which there is one a slot as of any other.
pub(super) fn kind(name: &str) -> Option<Kind> {
    match name {
        "endorsement" | "attestation_with_dal" => Some(Kind::Attestation),
        "preendorsement" => Some(Kind::Preattestation),
        name => name.parse().ok(),
    }
}

fn number(field: &str, value: i64, at: &str) -> Result<NonNegative, ImportError> {
    i32::try_from(value)
        .ok()
        .and_then(|value| NonNegative::try_from(value).ok())
        .ok_or_else(|| ImportError::invalid(at, format!("{field} is {value}, expected 0 to {}", NonNegative::MAX)))
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
