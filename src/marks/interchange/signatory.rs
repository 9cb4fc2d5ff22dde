//! Signatory's files, one for each chain, named `<chain>.json`. `pkg/signatory/watermark` in its source has the latest layout,
//! and reads the two earlier ones:
//!
//! | folder | releases | layout | |
//! | --- | --- | --- | --- |
//! | `watermark_v2` | since 1.1.1 | key → kind → `{level, round, hash}` | |
//! | `watermark_v1` | 1.1.0 | key → `{level, round, order, hash}` | beta releases nested it in the chain |
//! | `watermark` | 0.3 to 1.0 | kind → key → `{level, round, hash}` | round 0 is omitted |
//!
//! The hash is the digest of the payload, written as a block payload hash.
//!
//! **The recorded round of a block is its payload's round** in all releases before 1.4.0. A block that proposes an earlier
//! payload again has a higher round, so a record of a block covers all rounds of its level.

use super::record::{Record, kind};
use super::{InterchangeError, RaiseTarget, as_object, public_key_hash};
use crate::marks::MarkId;
use crate::tezos::payload::Kind;
use crate::tezos::{ChainId, PublicKeyHash};
use serde_json::{Map, Value};

/// `watermark_v2`.
pub(super) fn of_kinds(
    chain: ChainId,
    key: PublicKeyHash,
    kinds: &Map<String, Value>,
    at: &str,
) -> Result<Vec<RaiseTarget>, InterchangeError> {
    let of_name = |(name, value): (&String, &Value)| {
        let at = format!("{at}/{name}");
        let kind = kind(name).ok_or_else(|| {
            let known = "block, preattestation, attestation or attestation_with_dal";
            InterchangeError::invalid(&at, format!("'{name}' is not a kind of mark, expected {known}"))
        })?;
        target(Record::read(value, &at)?, MarkId { chain, key, kind }, &at)
    };
    kinds.iter().map(of_name).collect()
}

/// `watermark`.
pub(super) fn of_kind(
    chain: Option<ChainId>,
    kind: Kind,
    keys: &Value,
    at: &str,
) -> Result<Vec<RaiseTarget>, InterchangeError> {
    let chain = chain.ok_or_else(|| InterchangeError::ChainMissing { at: at.to_owned() })?;
    let of_key = |(key, value): (&String, &Value)| {
        let at = format!("{at}/{key}");
        let key = public_key_hash(key, &at)?;
        target(Record::read(value, &at)?, MarkId { chain, key, kind }, &at)
    };
    as_object(keys, at)?.iter().map(of_key).collect()
}

/// `watermark_v1`: one record for all kinds. At one level and round, the block is first (order 0), then the preattestation (1), then the
/// attestation (2). So nothing of any kind was signed above the record's level and round, and for its kind it is exact.
pub(super) fn of_all_kinds(
    chain: ChainId,
    key: PublicKeyHash,
    value: &Value,
    at: &str,
) -> Result<Vec<RaiseTarget>, InterchangeError> {
    let of_record = match value.get("order").and_then(Value::as_u64) {
        Some(0) => Kind::Block,
        Some(1) => Kind::Preattestation,
        Some(2) => Kind::Attestation,
        _ => {
            let order = value.get("order").unwrap_or(&Value::Null);
            let reason = format!("order is {order}, expected 0 (block), 1 (preattestation) or 2 (attestation)");
            return Err(InterchangeError::invalid(at, reason));
        }
    };
    let of_kind = |kind| {
        let mut record = Record::read(value, at)?;
        record.hash = record.hash.filter(|_| kind == of_record);
        target(record, MarkId { chain, key, kind }, at)
    };
    Kind::ALL.into_iter().map(of_kind).collect()
}

fn target(record: Record, id: MarkId, at: &str) -> Result<RaiseTarget, InterchangeError> {
    let mark = record.into_target(id, at)?;
    Ok(if id.kind == Kind::Block { mark.of_whole_level() } else { mark })
}
