//! A block before it is signed.

use super::block::{Block, Header, operations_hash};
use super::operation::Operation;
use super::vote::SignedVote;
use super::{Chain, Hash, Network};
use crate::crypto::{Scheme, digest};
use crate::payload::consensus::Kind;

/// A block to propose at the earliest time: by default with a new payload in round 0, and with the attestations of all bakers for the
/// block below.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    chain: &'a Chain,
    parent: &'a Block,
    round: i32,
    /// `None`: the attestations of all bakers.
    votes: Option<Vec<SignedVote>>,
    payload: Payload,
}

#[derive(Debug, Clone)]
enum Payload {
    New { variant: u64 },
    Again { hash: Hash, payload_round: i32, locked_round: Option<i32> },
}

impl<'a> Draft<'a> {
    pub(super) fn new(chain: &'a Chain, parent: &'a Block) -> Self {
        Self { chain, parent, round: 0, votes: None, payload: Payload::New { variant: 0 } }
    }

    /// In this round, whose baker proposes it.
    #[must_use]
    pub fn at_round(self, round: i32) -> Self {
        Self { round, ..self }
    }

    /// With another payload than other drafts for the same level and round.
    #[must_use]
    pub fn with_payload(self, variant: u64) -> Self {
        Self { payload: Payload::New { variant }, ..self }
    }

    /// With the payload of an earlier round of the level, for which these preattestations of one round are the evidence.
    /// They are left out if there are none, as by a baker that only saw the payload decided.
    #[must_use]
    pub fn reproposing(mut self, earlier: &Block, preattestations: impl IntoIterator<Item = SignedVote>) -> Self {
        let votes: Vec<_> = self.votes().into_iter().chain(preattestations).collect();
        let preattested = votes.iter().find(|signed| signed.vote.kind == Kind::Preattestation);
        let locked_round = preattested.map(|signed| signed.vote.round);
        self.votes = Some(votes);
        let Header { payload_hash: hash, payload_round, .. } = earlier.header;
        Self { payload: Payload::Again { hash, payload_round, locked_round }, ..self }
    }

    /// Without the votes of a baker.
    #[must_use]
    pub fn without(self, baker: usize) -> Self {
        let mut votes = self.votes();
        votes.retain(|signed| signed.vote.baker != baker);
        self.with_votes(votes)
    }

    /// With this vote, in place of the baker's other one of the same kind.
    #[must_use]
    pub fn with(self, vote: SignedVote) -> Self {
        let mut votes = self.votes();
        votes.retain(|signed| (signed.vote.baker, signed.vote.kind) != (vote.vote.baker, vote.vote.kind));
        votes.push(vote);
        self.with_votes(votes)
    }

    /// With these votes only, the evidence of a re-proposal included.
    #[must_use]
    pub fn with_votes(self, votes: impl Into<Vec<SignedVote>>) -> Self {
        Self { votes: Some(votes.into()), ..self }
    }

    /// The baker that may propose it.
    pub fn proposer(&self) -> usize {
        self.network().proposer(self.level(), self.round)
    }

    fn level(&self) -> i32 {
        self.parent.header.level.saturating_add(1)
    }

    fn votes(&self) -> Vec<SignedVote> {
        self.votes.clone().unwrap_or_else(|| self.chain.attestations(&self.parent.hash))
    }

    fn network(&self) -> &'a Network {
        self.chain.network()
    }

    fn operations(&self) -> Vec<Operation> {
        let (before, of_parent): (Vec<_>, Vec<_>) =
            self.votes().into_iter().partition(|signed| signed.vote.kind == Kind::Preattestation);
        [before, of_parent].iter().flat_map(|votes| Operation::of_votes(votes, self.network())).collect()
    }

    /// The header and the operations.
    pub fn contents(&self) -> (Header, Vec<Operation>) {
        let (level, parent) = (self.level(), &self.parent.header);
        let (payload_hash, payload_round, locked_round, variant) = match self.payload {
            Payload::New { variant } => {
                let name = [self.parent.hash.as_slice(), &self.round.to_be_bytes(), &variant.to_be_bytes()];
                (digest(&name.concat()), self.round, None, variant)
            }
            Payload::Again { hash, payload_round, locked_round } => (hash, payload_round, locked_round, 0),
        };
        let operations = self.operations();
        let header = Header {
            level,
            round: self.round,
            locked_round,
            predecessor: self.parent.hash,
            predecessor_round: parent.round,
            timestamp: self.network().earliest(parent.timestamp, parent.round, self.round),
            operations_hash: operations_hash(&operations, &payload_hash, self.network()),
            payload_hash,
            payload_round,
            nonce: variant,
        };
        (header, operations)
    }

    /// The bytes that the baker signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        self.contents().0.signed_bytes(self.network())
    }

    /// The block, signed with the key of the baker that may propose it.
    pub fn sign(&self) -> Block {
        let (header, operations) = self.contents();
        let key = self.network().consensus_key(self.proposer(), self.level());
        let signature = key.secret.sign(&header.signed_bytes(self.network()), Scheme::ProofOfPossession);
        Block::new(header, signature, operations)
    }

    /// The block, with a signature of [`Draft::signed_bytes`] that a signer has made.
    pub fn with_signature(&self, signature: impl Into<Vec<u8>>) -> Block {
        let (header, operations) = self.contents();
        Block::new(header, signature.into(), operations)
    }
}
