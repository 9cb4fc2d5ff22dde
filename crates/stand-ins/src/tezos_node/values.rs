//! Values in a node's JSON: hashes, signatures, times, and objects with the fields of several others.

use oracle::base58::{BLOCK, GENERIC_SIGNATURE, OPERATION};
use oracle::chain::Hash;
use oracle::crypto::Curve;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// `B…`.
pub(super) fn block(hash: &Hash) -> String {
    BLOCK.encode(hash)
}

/// `o…`.
pub(super) fn operation(hash: &Hash) -> String {
    OPERATION.encode(hash)
}

/// `BLsig…` for 96 bytes; `sig…` for 64, since the bytes do not say by which curve they are.
pub(super) fn signature(bytes: &[u8]) -> String {
    let prefix = if bytes.len() == 96 { Curve::Bls.signature() } else { GENERIC_SIGNATURE };
    prefix.encode(bytes)
}

/// `2026-08-21T13:31:29Z`.
pub(super) fn time(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

/// The fields of all objects.
pub(super) fn merged<const N: usize>(objects: [Value; N]) -> Value {
    let fields = objects.into_iter().filter_map(|object| match object {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    Value::Object(fields.flatten().collect::<Map<_, _>>())
}
