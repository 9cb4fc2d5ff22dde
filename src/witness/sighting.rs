//! What a block shows of the served keys: sightings. Pure.

use super::Companions;
use super::served::ServedKeys;
use super::signed_bytes::{is_signed_by, signed_bytes};
use crate::chain::blocks::{Form, Header, Receipt};
use crate::marks::MarkId;
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{BlockHash, ChainId, Digest, OperationHash, PublicKeyHash, Signature};
use std::fmt;

/// A signature of a served key, as a block shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The mark that covers it.
    pub id: MarkId,
    /// The level and round that it is for.
    pub position: Position,
    /// The digest of the signed payload.
    pub digest: Digest,
    /// The signature of a block.
    pub signature: Option<Signature>,
    /// Where it was seen.
    pub source: Source,
    /// Why it is believed.
    pub proof: Proof,
}

/// Where a signature was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// In this operation.
    Operation(OperationHash),
    /// On this block.
    Block(BlockHash),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(hash) => hash.fmt(formatter),
            Self::Block(hash) => hash.fmt(formatter),
        }
    }
}

/// Why a sighting is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// The signature was verified under our key. It covers level and round, so no node can invent it.
    Signature,
    /// A node reports it: the signature is a part of an aggregate, which cannot be verified cheaply.
    Report,
}

impl Proof {
    /// The name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Report => "report",
        }
    }
}

/// What a block shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sightings {
    /// The signatures of served keys.
    pub seen: Vec<Sighting>,
    /// Votes that name a served key, but are not signed by it: the node lies, or the protocol has changed.
    pub wrong_signatures: usize,
}

impl Sighting {
    /// Identifies what was signed, no matter where, or how often, it is seen.
    pub fn evidence(&self) -> Digest {
        let mut bytes = format!("{}:{}:", self.id, self.position).into_bytes();
        bytes.extend(self.digest.as_bytes());
        // Two signatures of the same header are two blocks.
        bytes.extend(self.signature.iter().flat_map(|signature| signature.as_bytes().to_vec()));
        Digest::of(&bytes)
    }

    /// The level of the block that shows it: attestations are in the next block (`validate.ml`, `check_block_attestation`),
    /// preattestations in a later round of the same level.
    pub const fn level_of_block(&self) -> u32 {
        match self.id.kind {
            Kind::Attestation => self.position.level.get() + 1,
            Kind::Preattestation | Kind::Block => self.position.level.get(),
        }
    }
}

/// The signatures of served keys in a block of `chain`. `companions` has the companion key of each delegate, as it was at the
/// level before that of the block.
pub fn sightings(
    chain: ChainId,
    header: &Header,
    votes: &[Receipt],
    served: &ServedKeys,
    companions: &Companions,
) -> Sightings {
    let mut found = Sightings::default();
    // A signature is valid under one key only, and verifying one of a tz4 key takes a millisecond.
    let block = served.iter().find_map(|key| Some((key, header.signed_by(key)?)));
    found.seen.extend(block.map(|(key, block)| Sighting {
        id: MarkId { chain, key: key.hash(), kind: Kind::Block },
        position: header.position,
        digest: block.digest,
        signature: Some(block.signature),
        source: Source::Block(header.hash),
        proof: Proof::Signature,
    }));
    for vote in votes {
        sightings_of_vote(chain, vote, served, companions, &mut found);
    }
    found
}

fn sightings_of_vote(
    chain: ChainId,
    vote: &Receipt,
    served: &ServedKeys,
    companions: &Companions,
    found: &mut Sightings,
) {
    let payload = signed_bytes(chain, vote);
    let of = |key: PublicKeyHash, proof| Sighting {
        id: MarkId { chain, key, kind: vote.kind },
        position: vote.position,
        digest: Digest::of(&payload),
        signature: None,
        source: Source::Operation(vote.operation),
        proof,
    };
    let consensus_key = served.get(&vote.consensus_key);
    match &vote.form {
        Form::Single { signature, .. } => {
            let Some(key) = consensus_key else { return };
            match signature {
                Some(signature) if is_signed_by(key, &payload, signature) => {
                    found.seen.push(of(key.hash(), Proof::Signature));
                }
                _ => found.wrong_signatures += 1,
            }
        }
        Form::Aggregated { with_dal } => {
            if let Some(key) = consensus_key {
                found.seen.push(of(key.hash(), Proof::Report));
            }
            let companion = companions.get(&vote.delegate).filter(|_| *with_dal);
            if let Some(companion) = companion.and_then(|companion| served.get(companion)) {
                found.seen.push(of(companion.hash(), Proof::Report));
            }
        }
    }
}

#[cfg(test)]
mod tests;
