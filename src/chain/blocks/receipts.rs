//! The votes that a block contains: the answer to `GET /chains/main/blocks/<block>/operations/0`. Pure.
//!
//! The JSON is that of protocol 025 (`operation_repr.ml` and `apply_results.ml`):
//!
//! | kind | content | metadata |
//! | --- | --- | --- |
//! | `preattestation`, `attestation` | `slot`, `level`, `round`, `block_payload_hash` | `delegate`, `consensus_key` |
//! | `attestation_with_dal` | the same, and `dal_attestation` | the same |
//! | `preattestations_aggregate` | `consensus_content` of `level`, `round` and `block_payload_hash`; `committee` of slots | `committee` of `delegate` and `consensus_pkh` |
//! | `attestations_aggregate` | the same, but `committee` of `slot` and, optionally, `dal_attestation` | the same |
//!
//! Other kinds are skipped: a later protocol may add some.

use super::dal_content::DalContent;
use crate::tezos::payload::{Kind, NonNegative, Position};
use crate::tezos::{BlockHash, BlockPayloadHash, OperationHash, PublicKeyHash, SignatureText};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;
use thiserror::Error;

/// A vote in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The operation that contains it; an aggregate contains many votes.
    pub operation: OperationHash,
    /// Preattestation or attestation.
    pub kind: Kind,
    /// The level and round voted on.
    pub position: Position,
    /// The block that the operation builds on.
    pub branch: BlockHash,
    /// The block content voted for.
    pub payload_hash: BlockPayloadHash,
    /// The delegate whose vote it is. Its own key may not have signed it.
    pub delegate: PublicKeyHash,
    /// The key that signed it.
    pub consensus_key: PublicKeyHash,
    /// The first slot of the delegate at this level.
    pub slot: u16,
    /// How it is contained in the block.
    pub form: Form,
}

/// How a vote is contained in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// As an operation of its own, with the signature of the consensus key.
    Single {
        /// The DAL content, which the consensus key has signed too.
        dal: Option<DalContent>,
        /// The signature; `None` if it is missing.
        signature: Option<SignatureText>,
    },
    /// As a part of an aggregate of tz4 votes, which has one signature for all.
    Aggregated {
        /// Whether it has DAL content. Then the delegate's companion key has signed the same bytes.
        with_dal: bool,
    },
}

/// Who cast a vote, before the vote is decoded further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voter<'a> {
    /// The delegate's address.
    pub delegate: &'a str,
    /// The address of the key that signed.
    pub consensus_key: &'a str,
}

/// What was found in a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts {
    /// The votes of the wanted voters.
    pub votes: Vec<Receipt>,
    /// Votes that could not be read, or of which the node returned no metadata, so that their voter is unknown.
    pub unreadable: usize,
}

/// The answer is not a list of operations.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the answer is not a list of operations")]
pub struct NotOperations;

/// Reads the votes of a block that are cast by wanted voters. A malformed operation hides no other.
///
/// # Errors
/// [`NotOperations`].
pub fn read(json: &[u8], wanted: impl Fn(&Voter<'_>) -> bool) -> Result<Receipts, NotOperations> {
    let operations: Vec<&RawValue> = serde_json::from_slice(json).map_err(|_| NotOperations)?;
    let mut receipts = Receipts::default();
    for operation in operations {
        if read_operation(operation, &wanted, &mut receipts.votes).is_none() {
            receipts.unreadable += 1;
        }
    }
    Ok(receipts)
}

#[derive(Deserialize)]
struct OperationJson<'a> {
    #[serde(borrow)]
    hash: Cow<'a, str>,
    #[serde(borrow)]
    branch: Cow<'a, str>,
    #[serde(borrow)]
    contents: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct KindJson<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct SingleJson<'a> {
    slot: u16,
    level: u32,
    round: u32,
    #[serde(borrow)]
    block_payload_hash: Cow<'a, str>,
    #[serde(borrow, default)]
    dal_attestation: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: SingleMetadataJson<'a>,
}

#[derive(Deserialize)]
struct ContentJson<'a> {
    level: u32,
    round: u32,
    #[serde(borrow)]
    block_payload_hash: Cow<'a, str>,
}

#[derive(Deserialize)]
struct SingleMetadataJson<'a> {
    #[serde(borrow)]
    delegate: Cow<'a, str>,
    #[serde(borrow)]
    consensus_key: Cow<'a, str>,
}

#[derive(Deserialize)]
struct AggregateJson<'a> {
    #[serde(borrow)]
    consensus_content: ContentJson<'a>,
    #[serde(borrow)]
    committee: &'a RawValue,
    #[serde(borrow)]
    metadata: AggregateMetadataJson<'a>,
}

#[derive(Deserialize)]
struct AttesterJson {
    slot: u16,
    #[serde(default)]
    dal_attestation: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct AggregateMetadataJson<'a> {
    #[serde(borrow)]
    committee: Vec<MemberJson<'a>>,
}

#[derive(Deserialize)]
struct MemberJson<'a> {
    #[serde(borrow)]
    delegate: Cow<'a, str>,
    #[serde(borrow)]
    consensus_pkh: Cow<'a, str>,
}

/// `None` if it is a vote, or may be one, but cannot be read.
fn read_operation(json: &RawValue, wanted: &impl Fn(&Voter<'_>) -> bool, votes: &mut Vec<Receipt>) -> Option<()> {
    let operation: OperationJson<'_> = serde_json::from_str(json.get()).ok()?;
    for content in &operation.contents {
        let KindJson { kind } = serde_json::from_str(content.get()).ok()?;
        match kind.as_ref() {
            "preattestation" => read_single(&operation, content, Kind::Preattestation, wanted, votes)?,
            "attestation" | "attestation_with_dal" => {
                read_single(&operation, content, Kind::Attestation, wanted, votes)?;
            }
            "preattestations_aggregate" => read_aggregate(&operation, content, Kind::Preattestation, wanted, votes)?,
            "attestations_aggregate" => read_aggregate(&operation, content, Kind::Attestation, wanted, votes)?,
            _ => {}
        }
    }
    Some(())
}

fn read_single(
    operation: &OperationJson<'_>,
    content: &RawValue,
    kind: Kind,
    wanted: &impl Fn(&Voter<'_>) -> bool,
    votes: &mut Vec<Receipt>,
) -> Option<()> {
    let vote: SingleJson<'_> = serde_json::from_str(content.get()).ok()?;
    let SingleMetadataJson { delegate, consensus_key } = &vote.metadata;
    if !wanted(&Voter { delegate, consensus_key }) {
        return Some(());
    }
    let form = Form::Single {
        dal: vote.dal_attestation.map(|decimal| decimal.parse()).transpose().ok()?,
        signature: operation.signature.as_deref().map(str::parse).transpose().ok()?,
    };
    let content = ContentJson {
        level: vote.level,
        round: vote.round,
        block_payload_hash: Cow::Borrowed(&vote.block_payload_hash),
    };
    votes.push(receipt(operation, kind, &content, (delegate, consensus_key), vote.slot, form)?);
    Some(())
}

fn read_aggregate(
    operation: &OperationJson<'_>,
    content: &RawValue,
    kind: Kind,
    wanted: &impl Fn(&Voter<'_>) -> bool,
    votes: &mut Vec<Receipt>,
) -> Option<()> {
    let aggregate: AggregateJson<'_> = serde_json::from_str(content.get()).ok()?;
    let slots: Vec<AttesterJson> = if kind == Kind::Attestation {
        serde_json::from_str(aggregate.committee.get()).ok()?
    } else {
        let slots: Vec<u16> = serde_json::from_str(aggregate.committee.get()).ok()?;
        slots.into_iter().map(|slot| AttesterJson { slot, dal_attestation: None }).collect()
    };
    let members = &aggregate.metadata.committee;
    // Members are in the order of the slots (`apply.ml`, `record_attestations_aggregate`).
    if members.len() != slots.len() {
        return None;
    }
    for (member, slot) in members.iter().zip(slots) {
        let (delegate, consensus_key) = (&member.delegate, &member.consensus_pkh);
        if wanted(&Voter { delegate, consensus_key }) {
            let form = Form::Aggregated { with_dal: slot.dal_attestation.is_some() };
            let content = &aggregate.consensus_content;
            votes.push(receipt(operation, kind, content, (delegate, consensus_key), slot.slot, form)?);
        }
    }
    Some(())
}

fn receipt(
    operation: &OperationJson<'_>,
    kind: Kind,
    content: &ContentJson<'_>,
    (delegate, consensus_key): (&str, &str),
    slot: u16,
    form: Form,
) -> Option<Receipt> {
    let non_negative = |value: u32| NonNegative::try_from(value).ok();
    Some(Receipt {
        operation: operation.hash.parse().ok()?,
        kind,
        position: Position { level: non_negative(content.level)?, round: non_negative(content.round)? },
        branch: operation.branch.parse().ok()?,
        payload_hash: content.block_payload_hash.parse().ok()?,
        delegate: delegate.parse().ok()?,
        consensus_key: consensus_key.parse().ok()?,
        slot,
        form,
    })
}

#[cfg(test)]
mod tests;
