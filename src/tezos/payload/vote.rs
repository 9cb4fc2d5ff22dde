//! Preattestations and attestations.

use super::super::{ChainId, Curve};
use super::{DecodeError, Kind, Position, Reader, Reason};

/// A preattestation or an attestation to be signed (`operation_repr.ml`, `consensus_content_encoding` and `Bls_mode`).
///
/// | offset | size | field |
/// | --- | --- | --- |
/// | 0 | 1 | 0x12 or 0x13 |
/// | 1 | 4 | chain id |
/// | 5 | 32 | branch |
/// | 37 | 1 | content tag: 20 and 40 preattestation, 21, 23 and 41 attestation |
/// | 38 | 2 | slot; absent for 40 and 41, the forms of tz4 keys |
/// | 40 (38) | 4 | level |
/// | 44 (42) | 4 | round |
/// | 48 (46) | 32 | block payload hash |
/// | 80 | 1 or more | DAL content, tag 23 only: a signed variable-length number |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Preattestation or attestation.
    pub kind: Kind,
    /// The chain of the vote.
    pub chain: ChainId,
    /// The level and round of the block voted on.
    pub position: Position,
}

mod tag {
    pub(super) const PREATTESTATION: u8 = 20;
    pub(super) const ATTESTATION: u8 = 21;
    pub(super) const ATTESTATION_WITH_DAL: u8 = 23;
    pub(super) const BLS_PREATTESTATION: u8 = 40;
    pub(super) const BLS_ATTESTATION: u8 = 41;
}

impl Vote {
    pub(super) fn decode(reader: &mut Reader<'_>, kind: Kind, curve: Curve) -> Result<Self, DecodeError> {
        let chain = ChainId::from_bytes(reader.array("the chain id")?);
        reader.take(32, "the branch")?;

        let offset = reader.offset();
        let tag = reader.u8("the content tag")?;
        let (kind_of_tag, is_bls_form) = match tag {
            tag::PREATTESTATION => (Kind::Preattestation, false),
            tag::ATTESTATION | tag::ATTESTATION_WITH_DAL => (Kind::Attestation, false),
            tag::BLS_PREATTESTATION => (Kind::Preattestation, true),
            tag::BLS_ATTESTATION => (Kind::Attestation, true),
            _ => return Err(DecodeError { offset, reason: Reason::TagOfOtherKind { tag, kind } }),
        };
        if kind_of_tag != kind {
            return Err(DecodeError { offset, reason: Reason::TagOfOtherKind { tag, kind } });
        }
        if is_bls_form != (curve == Curve::Bls) {
            return Err(DecodeError { offset, reason: Reason::TagOfOtherCurve { tag, curve } });
        }

        if !is_bls_form {
            reader.u16("the slot")?;
        }
        let position = reader.position()?;
        reader.take(32, "the block payload hash")?;
        if tag == tag::ATTESTATION_WITH_DAL {
            reader.skip_integer("the DAL content")?;
        }
        reader.end("the vote")?;
        Ok(Self { kind, chain, position })
    }
}
