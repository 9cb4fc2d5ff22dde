//! A record of level, round, hash and signature, which is nearly the same in all layouts.

use super::{InterchangeError, RaiseTarget, as_object};
use crate::marks::MarkId;
use crate::tezos::base58check::{self, Base58CheckError, Prefix};
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{Digest, InvalidSignature, Signature, SignatureText};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Other fields are ignored.
#[derive(Deserialize)]
pub(super) struct Record {
    pub(super) level: i64,
    /// Without a round, the record covers the whole level.
    pub(super) round: Option<i64>,
    pub(super) hash: Option<String>,
    pub(super) signature: Option<String>,
}

impl Record {
    pub(super) fn read(value: &Value, at: &str) -> Result<Self, InterchangeError> {
        as_object(value, at)?;
        Self::deserialize(value).map_err(|error| InterchangeError::invalid(at, error.to_string()))
    }

    pub(super) fn into_target(self, id: MarkId, at: &str) -> Result<RaiseTarget, InterchangeError> {
        let level = number("level", self.level, at)?;
        let round = self.round.map(|round| number("round", round, at)).transpose()?;
        let invalid = |reason: InvalidField| InterchangeError::invalid(at, reason.to_string());
        let digest = self.hash.map(|text| digest(&text)).transpose().map_err(invalid)?;
        let signature = self.signature.map(|text| signature(&text, &id)).transpose().map_err(invalid)?;
        let signature = signature.filter(|_| id.kind == Kind::Block);
        let mark = RaiseTarget {
            id,
            position: Position { level, round: round.unwrap_or(NonNegative::MAX) },
            digest,
            signature,
        };
        Ok(if round.is_some() { mark } else { mark.of_whole_level() })
    }
}

/// The kind of a record, by its current name, by its name before endorsements were renamed attestations, or as an attestation
/// with DAL content, which counts as an attestation.
pub(super) fn kind(name: &str) -> Option<Kind> {
    match name {
        "endorsement" | "attestation_with_dal" => Some(Kind::Attestation),
        "preendorsement" => Some(Kind::Preattestation),
        name => name.parse().ok(),
    }
}

fn number(field: &str, value: i64, at: &str) -> Result<NonNegative, InterchangeError> {
    i32::try_from(value)
        .ok()
        .and_then(|value| NonNegative::try_from(value).ok())
        .ok_or_else(|| InterchangeError::invalid(at, format!("{field} is {value}, expected 0 to {}", NonNegative::MAX)))
}

/// Why a hash or a signature in a record cannot be used.
#[derive(Debug, Error)]
enum InvalidField {
    #[error("the hash is neither 64 hexadecimal digits nor a block payload hash: {0}")]
    Hash(Base58CheckError),
    #[error("the hash has {0} bytes, expected 32")]
    HashLength(usize),
    #[error("signature: {0}")]
    Signature(InvalidSignature),
    #[error("the signature is not one of a {0} key")]
    Curve(&'static str),
}

fn digest(text: &str) -> Result<Digest, InvalidField> {
    if let Ok(digest) = text.parse() {
        return Ok(digest);
    }
    let bytes = base58check::decode(Prefix::BlockPayloadHash, text).map_err(InvalidField::Hash)?;
    bytes.as_slice().try_into().map(Digest::from_bytes).map_err(|_| InvalidField::HashLength(bytes.len()))
}

fn signature(text: &str, id: &MarkId) -> Result<Signature, InvalidField> {
    let text: SignatureText = text.parse().map_err(InvalidField::Signature)?;
    text.of_curve(id.key.curve()).ok_or_else(|| InvalidField::Curve(id.key.curve().address_prefix()))
}
