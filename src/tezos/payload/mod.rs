//! Payloads of signing requests, decoded into types.
//!
//! Nothing is signed unless everything that marks and policy depend on was decoded. Layouts follow
//! `src/proto_025_PsUshuai/lib_protocol` in Octez; each module names its source.

mod block;
mod error;
mod kind;
pub mod operations;
mod position;
mod reader;
mod vote;
pub mod watermark;

pub use block::Block;
pub use error::{DecodeError, NotUnderstood, Reason};
pub use kind::Kind;
pub use operations::{MAX_OPERATION_LENGTH, Operations};
pub use position::{NonNegative, Position};
pub use vote::Vote;

use super::{ChainId, Curve};
use reader::Reader;

/// A payload, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// 0x11.
    Block(Block),
    /// 0x12 and 0x13.
    Vote(Vote),
    /// 0x03.
    Operations(Operations),
    /// 0x05: not interpreted; signed only if policy allows it.
    PackedData,
}

impl Payload {
    /// Decodes a payload to be signed by a key of the given curve. The curve matters for votes: tz4 keys sign other forms than
    /// the rest.
    ///
    /// # Errors
    /// [`DecodeError`], with the offset of the invalid byte and the reason.
    pub fn decode(bytes: &[u8], curve: Curve) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let watermark = reader.watermark()?;
        match watermark {
            watermark::BLOCK => Block::decode(&mut reader).map(Self::Block),
            watermark::PREATTESTATION => Vote::decode(&mut reader, Kind::Preattestation, curve).map(Self::Vote),
            watermark::ATTESTATION => Vote::decode(&mut reader, Kind::Attestation, curve).map(Self::Vote),
            watermark::OPERATION => Operations::decode(&mut reader).map(Self::Operations),
            watermark::PACKED_DATA => {
                reader.take(1, "packed data")?;
                Ok(Self::PackedData)
            }
            _ => Err(DecodeError { offset: 0, reason: Reason::UnknownWatermark { byte: watermark } }),
        }
    }

    /// What a mark records, if this is a block or a vote.
    pub const fn consensus(&self) -> Option<Consensus> {
        match self {
            Self::Block(block) => Some(Consensus { kind: Kind::Block, chain: block.chain, position: block.position }),
            Self::Vote(vote) => Some(Consensus { kind: vote.kind, chain: vote.chain, position: vote.position }),
            Self::Operations(_) | Self::PackedData => None,
        }
    }
}

/// What a block and a vote have in common: with the digest, all that the rule depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consensus {
    /// Block, preattestation or attestation.
    pub kind: Kind,
    /// The chain of the payload.
    pub chain: ChainId,
    /// The level and round.
    pub position: Position,
}
