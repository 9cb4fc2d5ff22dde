//! octez-signer, `src/bin_signer/handler.ml`: `<kind>_high_watermarks`, chain → key → `{level, round, hash, signature}`.
//!
//! The hash is the hexadecimal BLAKE2b-256 of the payload. A record without a round is from before Tenderbake:
//! octez-signer signs nothing else at its level.

use super::record::Record;
use super::{InterchangeError, RaiseTarget};
use crate::marks::MarkId;
use crate::tezos::payload::Kind;
use crate::tezos::{ChainId, PublicKeyHash};
use serde_json::Value;

pub(super) fn of_kind(
    chain: ChainId,
    key: PublicKeyHash,
    kind: Option<Kind>,
    value: &Value,
    at: &str,
) -> Result<RaiseTarget, InterchangeError> {
    let kind = kind.ok_or_else(|| InterchangeError::KindMissing { at: at.to_owned() })?;
    Record::read(value, at)?.into_target(MarkId { chain, key, kind }, at)
}
