//! The rules by which a block is valid after another one, as far as they concern consensus (Octez, `validate.ml` and `apply.ml` of
//! protocol 025).

use super::Network;
use super::block::{Block, Header};
use super::operation::Operation;
use super::vote::Vote;
use crate::crypto::Scheme;
use crate::payload::consensus::Kind;
use std::collections::HashSet;
use thiserror::Error;

/// Why the protocol rejects a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Its predecessor is not on the chain.
    #[error("the block below is unknown")]
    Predecessor,
    /// Level, rounds or time do not follow from the predecessor.
    #[error("level, round or time does not follow from the block below")]
    Position,
    /// The signature is not by the baker whose turn it is.
    #[error("it is not signed by the baker whose turn it is")]
    Signature,
    /// A vote for another level, round or payload than this block may contain.
    #[error("a vote in it is for another block")]
    Vote,
    /// A vote that is not signed by the key of its slot.
    #[error("a vote in it is not signed by the key of its slot")]
    VoteSignature,
    /// Two votes of a baker, or a tz4 key's vote outside an aggregate.
    #[error("a vote in it is repeated, or should be part of an aggregate")]
    Operations,
    /// Too few attestations of the predecessor, or preattestations of the payload.
    #[error("its votes are no quorum")]
    Quorum,
}

/// Whether `block` is valid on top of `parent`.
pub(super) fn check(block: &Block, parent: &Block, network: &Network) -> Result<(), Invalid> {
    check_position(&block.header, &parent.header, network)?;
    let baker = network.consensus_key(network.proposer(block.header.level, block.header.round), block.header.level);
    let signed = block.header.signed_bytes(network);
    let by_baker = baker.public.verify(&signed, Scheme::ProofOfPossession, &block.signature);
    by_baker.map_err(|_| Invalid::Signature)?;
    for operation in &block.operations {
        check_operation(operation, network)?;
    }
    let votes: Vec<_> = block.operations.iter().flat_map(Operation::votes).collect();
    let preattestations = select(&votes, Kind::Preattestation)?;
    let attestations = select(&votes, Kind::Attestation)?;
    if !attestations.iter().all(|vote| is_for(vote, &parent.header, parent.header.round)) {
        return Err(Invalid::Vote);
    }
    let of_payload = |vote: &&Vote| block.header.locked_round.is_some_and(|round| is_for(vote, &block.header, round));
    if !preattestations.iter().all(of_payload) {
        return Err(Invalid::Vote);
    }
    let has_quorum = |votes: &[&Vote]| power(votes, network) >= network.quorum();
    let is_locked = block.header.locked_round.is_some();
    if has_quorum(&attestations) && (has_quorum(&preattestations) || !is_locked) {
        Ok(())
    } else {
        Err(Invalid::Quorum)
    }
}

fn check_position(header: &Header, parent: &Header, network: &Network) -> Result<(), Invalid> {
    let earliest = network.earliest(parent.timestamp, parent.round, header.round);
    let locked = header.locked_round.unwrap_or(header.payload_round);
    let holds = header.level == parent.level.saturating_add(1)
        && header.predecessor_round == parent.round
        && header.timestamp >= earliest
        && header.payload_round >= 0
        && header.payload_round <= locked
        && (locked < header.round || header.locked_round.is_none())
        && header.payload_round <= header.round;
    holds.then_some(()).ok_or(Invalid::Position)
}

fn check_operation(operation: &Operation, network: &Network) -> Result<(), Invalid> {
    let Operation::Vote(signed) = operation else {
        let all_bls = operation.votes().iter().all(|vote| network.consensus_key(vote.baker, vote.level).is_bls());
        return if all_bls && operation.subject().is_some() { Ok(()) } else { Err(Invalid::Operations) };
    };
    let key = network.consensus_key(signed.vote.baker, signed.vote.level);
    if key.is_bls() {
        return Err(Invalid::Operations);
    }
    let verified = key.public.verify(&signed.vote.signed_bytes(network), Scheme::ProofOfPossession, &signed.signature);
    verified.map_err(|_| Invalid::VoteSignature)
}

/// The votes of one kind, which must be by different bakers.
fn select<'a>(votes: &[&'a Vote], kind: Kind) -> Result<Vec<&'a Vote>, Invalid> {
    let votes: Vec<_> = votes.iter().copied().filter(|vote| vote.kind == kind).collect();
    let bakers: HashSet<_> = votes.iter().map(|vote| vote.baker).collect();
    if bakers.len() == votes.len() { Ok(votes) } else { Err(Invalid::Operations) }
}

fn is_for(vote: &Vote, header: &Header, round: i32) -> bool {
    (vote.level, vote.round, vote.payload_hash) == (header.level, round, header.payload_hash)
}

fn power(votes: &[&Vote], network: &Network) -> u32 {
    votes.iter().map(|vote| u32::from(network.baker(vote.baker).slots)).sum()
}
