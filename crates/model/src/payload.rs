//! The bakers' payloads, as bytes. Which mark each belongs to is for the product's decoder to determine.

use oracle::crypto::Curve;
use oracle::payload::consensus::{Block, Kind, Vote};

/// The type of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A block.
    Block,
    /// An attestation without DAL content (tag 21).
    Attestation,
    /// An attestation with DAL content (tag 23).
    AttestationWithDal,
}

/// A payload at this level and round. Payloads that differ only in `variant` conflict: same slot, different data.
pub(crate) fn payload(form: Form, level: u8, round: u8, variant: u8) -> Vec<u8> {
    let (level, round) = (level.into(), round.into());
    let attestation = || Vote { payload_hash: variant, ..Vote::new(Kind::Attestation, Curve::P256, level, round) };
    match form {
        Form::Block => Block { operations: variant, ..Block::new(level, round) }.bytes(),
        Form::Attestation => attestation().bytes(),
        Form::AttestationWithDal => attestation().with_dal(1).bytes(),
    }
}
