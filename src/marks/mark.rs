//! A mark, its name, and its JSON form in the stores.

use crate::tezos::payload::{Kind, Position};
use crate::tezos::{ChainId, Digest, InvalidSignature, PublicKeyHash, Signature, SignatureText};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// Names a mark. Written `<chain>:<public key hash>:<kind>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MarkId {
    /// The chain that the payloads are for.
    pub chain: ChainId,
    /// The key that signs.
    pub key: PublicKeyHash,
    /// Block, preattestation or attestation.
    pub kind: Kind,
}

impl fmt::Display for MarkId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.chain, self.key, self.kind)
    }
}

/// A text that does not name a mark.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{text}' is not <chain>:<public key hash>:<kind>: {reason}")]
pub struct InvalidMarkId {
    text: String,
    reason: String,
}

impl std::str::FromStr for MarkId {
    type Err = InvalidMarkId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| InvalidMarkId { text: text.to_owned(), reason };
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(chain), Some(key), Some(kind), None) => Ok(Self {
                chain: chain.parse().map_err(|error| invalid(format!("{error}")))?,
                key: key.parse().map_err(|error| invalid(format!("{error}")))?,
                kind: kind.parse().map_err(|error| invalid(format!("{error}")))?,
            }),
            _ => Err(invalid("expected three parts".to_owned())),
        }
    }
}

/// The highest position signed for one [`MarkId`], with the digest of the payload and a block's signature.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mark {
    /// Level and round.
    pub position: Position,
    /// The digest of the payload signed there. `None` if the mark was raised by hand: then nothing is a repeat of it.
    pub digest: Option<Digest>,
    /// The only signature released there. Blocks only.
    pub signature: Option<Signature>,
    /// Identifies the write, so that no two marks are the same version and a writer recognizes its own.
    pub attempt: AttemptId,
    /// Who wrote it, and when. `None` in marks written by early versions of this program.
    pub written: Option<Written>,
}

/// Who wrote a mark, and when. For auditors; no decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Written {
    /// The name of the instance of this program.
    pub instance: String,
    /// The authorized key that signed the request, if requests are authenticated.
    pub requester: Option<PublicKeyHash>,
    /// The time by the instance's clock.
    pub at: OffsetDateTime,
}

/// A random 128-bit number that identifies one write.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId(u128);

impl AttemptId {
    /// Generates one with the operating system's random number generator.
    ///
    /// # Errors
    /// If that fails.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AttemptId({self})")
    }
}

impl std::str::FromStr for AttemptId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// A mark as the stores write it.
///
/// Unknown fields are ignored: a later version on another instance may have added some for auditors.
#[derive(Serialize, Deserialize)]
struct MarkRecord {
    level: u32,
    round: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    attempt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requester: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "rfc3339::option")]
    written_at: Option<OffsetDateTime>,
}

impl Serialize for Mark {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MarkRecord {
            level: self.position.level.get(),
            round: self.position.round.get(),
            digest: self.digest.map(|digest| digest.to_string()),
            signature: self.signature.map(|signature| signature.to_string()),
            attempt: self.attempt.to_string(),
            instance: self.written.as_ref().map(|written| written.instance.clone()),
            requester: self.written.as_ref().and_then(|written| written.requester).map(|key| key.to_string()),
            written_at: self.written.as_ref().map(|written| written.at),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let record = MarkRecord::deserialize(deserializer)?;
        Ok(Self {
            position: Position {
                level: record.level.try_into().map_err(D::Error::custom)?,
                round: record.round.try_into().map_err(D::Error::custom)?,
            },
            digest: record.digest.map(|text| text.parse()).transpose().map_err(D::Error::custom)?,
            signature: record.signature.map(|text| stored_signature(&text)).transpose().map_err(D::Error::custom)?,
            attempt: record.attempt.parse().map_err(D::Error::custom)?,
            written: match (record.instance, record.written_at) {
                (Some(instance), Some(at)) => Some(Written {
                    instance,
                    requester: record.requester.map(|text| text.parse()).transpose().map_err(D::Error::custom)?,
                    at,
                }),
                _ => None,
            },
        })
    }
}

/// Why a stored signature cannot be used.
#[derive(Debug, Error)]
enum StoredSignatureError {
    #[error("signature: {0}")]
    Invalid(InvalidSignature),
    #[error("signature: generic, so its curve is unknown")]
    Generic,
}

fn stored_signature(text: &str) -> Result<Signature, StoredSignatureError> {
    match text.parse().map_err(StoredSignatureError::Invalid)? {
        SignatureText::Known(signature) => Ok(signature),
        SignatureText::Generic(_) => Err(StoredSignatureError::Generic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_id_is_written_and_read_as_three_parts() {
        const TEXT: &str = "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block";
        let id: MarkId = TEXT.parse().unwrap();
        assert_eq!((id.kind, id.to_string()), (Kind::Block, TEXT.to_owned()));
        for (text, expected) in [
            ("", "expected three parts"),
            ("NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "expected three parts"),
            ("NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block:", "expected three parts"),
            ("NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:blocks", "'blocks' is not a kind"),
            ("NetXdQprcVkpaWU::block", "not <chain>:<public key hash>:<kind>"),
        ] {
            let error = text.parse::<MarkId>().unwrap_err();
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn attempts_are_unique_and_so_are_their_texts() {
        let (one, other) = (AttemptId::random().unwrap(), AttemptId::random().unwrap());
        assert_ne!(one, other);
        assert_ne!(one.to_string(), other.to_string());
        assert_eq!(one.to_string().parse(), Ok(one));
        assert_eq!(AttemptId(0x2a).to_string(), format!("{:0>32}", "2a"));
    }

    /// Items written by older versions must stay readable, and the format must not change.
    #[test]
    fn a_mark_is_this_json() {
        let minimal = json!({"level": 5, "round": 2, "attempt": "0000000000000000000000000000002a"});
        let signature = Signature::P256([7; 64]).to_string();
        let full = json!({
            "level": 2_147_483_647, "round": 0, "digest": "01".repeat(32), "signature": signature,
            "attempt": "ffffffffffffffffffffffffffffffff", "instance": "one",
            "requester": "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT", "written_at": "2026-01-02T03:04:05Z",
        });
        for (json, is_full) in [(&minimal, false), (&full, true)] {
            let mark: Mark = serde_json::from_value(json.clone()).unwrap();
            assert_eq!(mark.digest.is_some(), is_full);
            assert_eq!(mark.signature, is_full.then_some(Signature::P256([7; 64])));
            let written = mark.written.as_ref().map(|written| (written.instance.as_str(), written.requester.is_some()));
            assert_eq!(written, is_full.then_some(("one", true)));
            assert_eq!(serde_json::to_value(&mark).unwrap(), *json);
        }

        let with = |field: &str, value: Value| {
            let mut json = full.clone();
            json[field] = value;
            serde_json::from_value::<Mark>(json)
        };
        // The writer is for auditors: incomplete information is dropped, and the mark still counts.
        assert_eq!(with("instance", Value::Null).unwrap().written, None);
        let generic =
            "sigMzJ4GVAvXEd2RjsKGfG2H9QvqTSKCZsuB2KiHbZRGFz72XgF6KaKADznh674fQgBatxw3xdHqTtMHUZAGRprxy64wg1aq";
        for (field, value) in [
            ("level", json!(2_147_483_648_u32)),
            ("round", json!(-1)),
            ("digest", json!("01")),
            ("signature", json!(generic)),
            ("signature", json!("")),
            ("attempt", json!("")),
            ("requester", json!("tz1")),
        ] {
            assert!(with(field, value.clone()).is_err(), "{field}: {value}");
        }
    }
}
