//! The slot and the digest of a request, decoded for the judge.

use super::Slot;
use crate::history::{Exchange, MarkId};
use crate::payload::Position;
use oracle::crypto::{Curve, digest};
use oracle::reading;
use std::sync::Arc;

/// A decoded request.
pub(crate) struct Request<'a> {
    pub(crate) exchange: &'a Exchange,
    /// `None` if it is neither a block nor a vote.
    pub(crate) slot: Option<Slot>,
    /// BLAKE2b-256 of the payload.
    pub(crate) digest: [u8; 32],
}

impl<'a> Request<'a> {
    pub(crate) fn new(exchange: &'a Exchange) -> Self {
        let curve = if exchange.key.starts_with("tz4") { Curve::Bls } else { Curve::P256 };
        let slot = reading::Slot::read(&exchange.payload, curve).ok().map(|read| Slot {
            id: MarkId { chain: read.chain, key: Arc::clone(&exchange.key), kind: read.kind },
            position: Position { level: read.level, round: read.round },
        });
        Self { exchange, slot, digest: digest(&exchange.payload) }
    }
}
