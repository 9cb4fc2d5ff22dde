//! One line of a history: a version of a mark in its canonical form, or the public key of the versions' signatures.

use crate::json::{self, JsonError};
use crate::marks::{MarkId, MarkVersion};
use crate::tezos::{Digest, InvalidPublicKey, InvalidSignature, PublicKey, Signature, SignatureText};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// A line of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A version of a mark.
    Version(Box<VersionLine>),
    /// The public key of one of the keys, so that signatures can be checked without a vault.
    PublicKey(Box<PublicKey>),
}

/// A version of a mark, with the fields that the checks need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionLine {
    /// The mark.
    pub id: MarkId,
    /// The version.
    pub version: MarkVersion,
    /// The digest of the version; `None` if the line is from a log, which does not have all fields.
    pub own_digest: Option<Digest>,
    /// The digest of the payload.
    pub payload: Option<Digest>,
    /// The signature of a block.
    pub signature: Option<Signature>,
}

/// Why a line cannot be read.
#[derive(Debug, Error)]
pub enum LineError {
    /// Not JSON of this form.
    #[error(transparent)]
    Json(JsonError),
    /// The id is not that of a mark.
    #[error("'{0}' is not the id of a mark")]
    Id(String),
    /// A digest is not one.
    #[error("'{0}' is not a digest")]
    Digest(String),
    /// The signature is not one.
    #[error("signature: {0}")]
    Signature(InvalidSignature),
    /// The signature is generic.
    #[error("signature: generic, so its curve is unknown")]
    Generic,
    /// The public key is not one.
    #[error("public_key: {0}")]
    PublicKey(InvalidPublicKey),
}

/// A line with a public key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublicKeyLine {
    public_key: String,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// [`LineError`]
    pub fn read(text: &str) -> Result<Self, LineError> {
        let value: Value = json::from_text(text).map_err(LineError::Json)?;
        if value.get("public_key").is_some() {
            let PublicKeyLine { public_key } = json::from_text(text).map_err(LineError::Json)?;
            let key = public_key.parse().map_err(LineError::PublicKey)?;
            return Ok(Self::PublicKey(Box::new(key)));
        }
        let version: MarkVersion = json::from_text(text).map_err(LineError::Json)?;
        let id = version.id.parse().map_err(|_| LineError::Id(version.id.clone()))?;
        let payload = digest(version.digest.as_deref())?;
        // A log has only the beginning of it.
        if version.attempt.is_some() {
            digest(version.previous.as_deref())?;
        }
        let signature = version.signature.as_deref().map(signature).transpose()?;
        let own_digest = version.attempt.is_some().then(|| version.own_digest());
        Ok(Self::Version(Box::new(VersionLine { id, version, own_digest, payload, signature })))
    }

    /// The line of a public key, without its end.
    pub fn of_public_key(key: &PublicKey) -> String {
        // A text always has a JSON form.
        serde_json::to_string(&PublicKeyLine { public_key: key.to_string() }).unwrap_or_default()
    }
}

fn digest(text: Option<&str>) -> Result<Option<Digest>, LineError> {
    text.map(|text| text.parse().map_err(|_| LineError::Digest(text.to_owned()))).transpose()
}

fn signature(text: &str) -> Result<Signature, LineError> {
    match text.parse().map_err(LineError::Signature)? {
        SignatureText::Known(signature) => Ok(signature),
        SignatureText::Generic(_) => Err(LineError::Generic),
    }
}
