//! The slot and the digest of a request, decoded for the judge.

use super::Slot;
use crate::history::{Exchange, MarkId};
use crate::payload::{Kind, Position};
use blake2::{Blake2b256, Digest};
use std::sync::Arc;

/// A decoded request.
pub(super) struct Request<'a> {
    pub(super) asked: &'a Exchange,
    /// `None` if it is neither a block nor a vote.
    pub(super) slot: Option<Slot>,
    /// BLAKE2b-256 of the payload.
    pub(super) digest: [u8; 32],
}

impl<'a> Request<'a> {
    pub(super) fn new(asked: &'a Exchange) -> Self {
        let slot = position(&asked.payload)
            .map(|(chain, kind, position)| Slot { id: MarkId { chain, key: Arc::clone(&asked.key), kind }, position });
        Self { asked, slot, digest: Blake2b256::digest(&asked.payload).into() }
    }
}

/// Chain, kind, level and round. A block's round is the last part of its fitness.
fn position(payload: &[u8]) -> Option<([u8; 4], Kind, Position)> {
    let watermark = payload.first()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.watermark() == *watermark)?;
    let chain = bytes_at(payload, 1)?;
    let (level, round) = if kind == Kind::Block {
        let length = usize::try_from(u32::from_be_bytes(bytes_at(payload, 83)?)).ok()?;
        (5, 83 + length)
    } else {
        (40, 44)
    };
    let number = |offset| bytes_at(payload, offset).map(u32::from_be_bytes);
    Some((chain, kind, Position { level: number(level)?, round: number(round)? }))
}

fn bytes_at(payload: &[u8], offset: usize) -> Option<[u8; 4]> {
    payload.get(offset..offset.checked_add(4)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Variant, payload};

    #[test]
    fn positions_are_read_from_every_form() {
        let wanted = Position { level: 77, round: 3 };
        for kind in Kind::ALL {
            for extra in [0, 5] {
                let bytes = payload([9, 8, 7, 6], kind, wanted, Variant { content: 1, branch: 2, extra });
                assert_eq!(position(&bytes), Some(([9, 8, 7, 6], kind, wanted)));
            }
        }
        assert_eq!(position(&[0x03; 100]), None);
        assert_eq!(position(&[0x13; 20]), None);
    }
}
