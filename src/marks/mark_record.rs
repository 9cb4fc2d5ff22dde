//! The JSON form of a mark and of the stops of a key in the stores.
//!
//! Unknown fields are ignored: a later release on another instance may have added some for auditors.

use super::key_stops::KeyStops;
use super::mark::{Mark, Written};
use super::signed_window::SignedWindow;
use super::stop::{SeenOnChain, Stop, Stopped};
use super::trail::Trail;
use crate::tezos::payload::Position;
use crate::tezos::{InvalidSignature, Signature, SignatureText};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt::Display;
use std::str::FromStr;
use thiserror::Error;
use time::OffsetDateTime;

#[derive(Serialize, Deserialize)]
struct MarkRecord {
    level: u32,
    round: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    attempt: String,
    #[serde(flatten)]
    written: WrittenRecord,
    /// The window of the last signatures. Present if and only if there is a trail.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    signed: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    signed_above: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    has_signed: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    sequence: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    previous: Value,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stoppable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stop: Option<StoppedRecord>,
}

#[derive(Serialize, Deserialize)]
struct WrittenRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    requester: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "time::serde::rfc3339::option")]
    written_at: Option<OffsetDateTime>,
}

#[derive(Serialize, Deserialize)]
struct PositionRecord {
    level: u32,
    round: u32,
}

#[derive(Serialize, Deserialize)]
struct StoppedRecord {
    #[serde(flatten)]
    position: PositionRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    origin: String,
    stops: Vec<StopRecord>,
}

#[derive(Serialize, Deserialize)]
struct StopRecord {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
    reason: String,
    by: String,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceRecord>,
}

#[derive(Serialize, Deserialize)]
struct EvidenceRecord {
    id: String,
    chain: String,
    kind: String,
    #[serde(flatten)]
    position: PositionRecord,
    source: String,
}

#[derive(Serialize, Deserialize)]
struct KeyStopsRecord {
    stops: Vec<StopRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acknowledged: Vec<String>,
    attempt: String,
    #[serde(flatten)]
    written: WrittenRecord,
}

/// Why a field of an item cannot be used.
#[derive(Debug, Error)]
#[error("{field}: {reason}")]
struct InvalidField {
    field: &'static str,
    reason: String,
}

impl InvalidField {
    fn new(field: &'static str, reason: impl Display) -> Self {
        Self { field, reason: reason.to_string() }
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let trail = self.trail.as_ref();
        let boundary = trail.and_then(|trail| trail.window.boundary());
        MarkRecord {
            level: self.position.level.get(),
            round: self.position.round.get(),
            digest: self.digest.map(|digest| digest.to_string()),
            signature: self.signature.map(|signature| signature.to_string()),
            attempt: self.attempt.to_string(),
            written: WrittenRecord::of(self.written.as_ref()),
            signed: trail.map_or(Value::Null, |trail| trail.window.encode().into()),
            signed_above: boundary.map_or(
                Value::Null,
                |Position { level, round }| serde_json::json!({"level": level.get(), "round": round.get()}),
            ),
            has_signed: trail.map_or(Value::Null, |trail| trail.has_signed.into()),
            sequence: trail.map_or(Value::Null, |trail| trail.sequence.into()),
            previous: trail.and_then(|trail| trail.previous).map_or(Value::Null, |digest| digest.to_string().into()),
            stoppable: self.stoppable,
            origin: self.origin.map(|origin| origin.to_string()),
            stop: self.stop.as_deref().map(StoppedRecord::of),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        MarkRecord::deserialize(deserializer)?.read().map_err(D::Error::custom)
    }
}

impl MarkRecord {
    fn read(self) -> Result<Mark, InvalidField> {
        let trail = self.trail();
        Ok(Mark {
            position: PositionRecord { level: self.level, round: self.round }.read()?,
            digest: self.digest.map(|text| parse("digest", &text)).transpose()?,
            signature: self.signature.map(|text| stored_signature(&text)).transpose()?,
            attempt: parse("attempt", &self.attempt)?,
            written: self.written.read()?,
            trail: trail.map(Box::new),
            stoppable: self.stoppable,
            origin: self.origin.map(|text| parse("origin", &text)).transpose()?,
            stop: self.stop.map(StoppedRecord::read).transpose()?.map(Box::new),
        })
    }

    /// Nothing depends on the trail, so one that is damaged or of a later release counts as absent.
    fn trail(&self) -> Option<Trail> {
        let boundary = match &self.signed_above {
            Value::Null => None,
            position => Some(serde_json::from_value::<PositionRecord>(position.clone()).ok()?.read().ok()?),
        };
        let previous = match &self.previous {
            Value::Null => None,
            digest => Some(digest.as_str()?.parse().ok()?),
        };
        Some(Trail {
            window: SignedWindow::decode(self.signed.as_str()?, boundary).ok()?,
            has_signed: self.has_signed.as_bool()?,
            sequence: self.sequence.as_u64()?,
            previous,
        })
    }
}

impl WrittenRecord {
    fn of(written: Option<&Written>) -> Self {
        Self {
            instance: written.map(|written| written.instance.clone()),
            requester: written.and_then(|written| written.requester).map(|key| key.to_string()),
            written_at: written.map(|written| written.at),
        }
    }

    fn read(self) -> Result<Option<Written>, InvalidField> {
        let (Some(instance), Some(at)) = (self.instance, self.written_at) else { return Ok(None) };
        let requester = self.requester.map(|text| parse("requester", &text)).transpose()?;
        Ok(Some(Written { instance, requester, at }))
    }
}

impl PositionRecord {
    const fn of(position: Position) -> Self {
        Self { level: position.level.get(), round: position.round.get() }
    }

    fn read(&self) -> Result<Position, InvalidField> {
        Ok(Position {
            level: self.level.try_into().map_err(|error| InvalidField::new("level", error))?,
            round: self.round.try_into().map_err(|error| InvalidField::new("round", error))?,
        })
    }
}

impl StoppedRecord {
    fn of(stopped: &Stopped) -> Self {
        Self {
            position: PositionRecord::of(stopped.position),
            digest: stopped.digest.map(|digest| digest.to_string()),
            signature: stopped.signature.map(|signature| signature.to_string()),
            origin: stopped.origin.to_string(),
            stops: stopped.stops.iter().map(StopRecord::of).collect(),
        }
    }

    fn read(self) -> Result<Stopped, InvalidField> {
        if self.stops.is_empty() {
            return Err(InvalidField::new("stops", "none"));
        }
        Ok(Stopped {
            position: self.position.read()?,
            digest: self.digest.map(|text| parse("digest", &text)).transpose()?,
            signature: self.signature.map(|text| stored_signature(&text)).transpose()?,
            origin: parse("origin", &self.origin)?,
            stops: self.stops.into_iter().map(StopRecord::read).collect::<Result<_, _>>()?,
        })
    }
}

impl StopRecord {
    fn of(stop: &Stop) -> Self {
        Self {
            id: stop.id.to_string(),
            chain: stop.chain.map(|chain| chain.to_string()),
            reason: stop.reason().to_owned(),
            by: stop.by.clone(),
            at: stop.at,
            evidence: stop.evidence.as_ref().map(|evidence| EvidenceRecord {
                id: evidence.id.to_string(),
                chain: evidence.chain.to_string(),
                kind: evidence.kind.to_string(),
                position: PositionRecord::of(evidence.position),
                source: evidence.source.clone(),
            }),
        }
    }

    fn read(self) -> Result<Stop, InvalidField> {
        let evidence = |record: EvidenceRecord| {
            Ok(SeenOnChain {
                id: parse("evidence", &record.id)?,
                chain: parse("chain", &record.chain)?,
                kind: parse("kind", &record.kind)?,
                position: record.position.read()?,
                source: record.source,
            })
        };
        let chain = self.chain.map(|text| parse("chain", &text)).transpose()?;
        let evidence = self.evidence.map(evidence).transpose()?;
        Ok(Stop::with_id(parse("id", &self.id)?, &self.reason, self.by, self.at, chain, evidence))
    }
}

impl Serialize for KeyStops {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        KeyStopsRecord {
            stops: self.stops.iter().map(StopRecord::of).collect(),
            acknowledged: self.acknowledged.iter().map(ToString::to_string).collect(),
            attempt: self.attempt.to_string(),
            written: WrittenRecord::of(self.written.as_ref()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyStops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = KeyStopsRecord::deserialize(deserializer)?;
        let read = || {
            Ok::<_, InvalidField>(Self {
                stops: record.stops.into_iter().map(StopRecord::read).collect::<Result<_, _>>()?,
                acknowledged: record
                    .acknowledged
                    .iter()
                    .map(|text| parse("acknowledged", text))
                    .collect::<Result<_, _>>()?,
                attempt: parse("attempt", &record.attempt)?,
                written: record.written.read()?,
            })
        };
        read().map_err(D::Error::custom)
    }
}

fn parse<T: FromStr<Err: Display>>(field: &'static str, text: &str) -> Result<T, InvalidField> {
    text.parse().map_err(|error| InvalidField::new(field, error))
}

fn stored_signature(text: &str) -> Result<Signature, InvalidField> {
    let parsed: Result<SignatureText, InvalidSignature> = text.parse();
    match parsed.map_err(|error| InvalidField::new("signature", error))? {
        SignatureText::Known(signature) => Ok(signature),
        SignatureText::Generic(_) => Err(InvalidField::new("signature", "generic, so its curve is unknown")),
    }
}

#[cfg(test)]
mod tests;
