//! The consensus operations of a block: single votes, and aggregates of votes by tz4 keys.

use super::vote::{SignedVote, Vote};
use super::{Hash, Network};
use crate::crypto::{aggregate, digest};
use crate::payload::consensus::Kind;
use crate::payload::{optional, signed_number, sized};

/// A consensus operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `preattestation`, `attestation` or `attestation_with_dal`.
    Vote(SignedVote),
    /// `preattestations_aggregate` or `attestations_aggregate`.
    Aggregate(Aggregate),
}

/// Votes by tz4 keys for the same block, of one kind and at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// The votes, by slot.
    pub votes: Vec<Vote>,
    /// The aggregated signature. The companion keys' parts are left out, since a node does not check them again.
    pub signature: Vec<u8>,
}

impl Operation {
    /// The operations for these votes: one each, and one for all of tz4 keys, as the protocol requires it
    /// (`validate.ml`, `Unaggregated_eligible_operation`).
    pub fn of_votes(votes: &[SignedVote], network: &Network) -> Vec<Self> {
        let is_bls = |signed: &&SignedVote| network.consensus_key(signed.vote.baker, signed.vote.level).is_bls();
        let (mut aggregated, single): (Vec<_>, Vec<_>) = votes.iter().partition(is_bls);
        aggregated.sort_by_key(|signed| network.first_slot(signed.vote.baker));
        let signature = aggregate(aggregated.iter().map(|signed| signed.signature.as_slice()));
        let aggregate = Aggregate { votes: aggregated.iter().map(|signed| signed.vote.clone()).collect(), signature };
        let aggregate = (!aggregate.votes.is_empty()).then_some(Self::Aggregate(aggregate));
        aggregate.into_iter().chain(single.into_iter().cloned().map(Self::Vote)).collect()
    }

    /// The votes in it.
    pub fn votes(&self) -> &[Vote] {
        match self {
            Self::Vote(signed) => std::slice::from_ref(&signed.vote),
            Self::Aggregate(aggregate) => &aggregate.votes,
        }
    }

    /// What all votes in it are for; `None` for an aggregate without votes, which no block contains.
    pub fn subject(&self) -> Option<&Vote> {
        self.votes().first()
    }

    /// The signature: 64 bytes, or 96 by tz4 keys.
    pub fn signature(&self) -> &[u8] {
        match self {
            Self::Vote(signed) => &signed.signature,
            Self::Aggregate(aggregate) => &aggregate.signature,
        }
    }

    /// The operation's hash, which covers its signature.
    pub fn hash(&self, network: &Network) -> Hash {
        let signature = self.signature();
        // The signature of a tz4 key is longer than the field, so that its start lies in contents with a tag of their own.
        let signature = match signature.split_at_checked(32) {
            Some((start, rest)) if signature.len() == 96 => [&[0xff, 0x03], start, rest].concat(),
            _ => signature.to_vec(),
        };
        digest(&[self.unsigned(network), signature].concat())
    }

    fn unsigned(&self, network: &Network) -> Vec<u8> {
        match self {
            Self::Vote(signed) => signed.vote.unsigned_operation(network),
            Self::Aggregate(aggregate) => aggregate.unsigned(network),
        }
    }
}

impl Aggregate {
    fn unsigned(&self, network: &Network) -> Vec<u8> {
        let Some(subject) = self.votes.first() else { return Vec::new() };
        let is_attestation = subject.kind == Kind::Attestation;
        let committee: Vec<u8> = self
            .votes
            .iter()
            .flat_map(|vote| {
                let slot = network.first_slot(vote.baker).to_be_bytes().to_vec();
                let dal = optional(vote.dal.map(|bits| signed_number(bits.into())));
                if is_attestation { [slot, dal].concat() } else { slot }
            })
            .collect();
        [
            subject.branch.to_vec(),
            vec![if is_attestation { 31 } else { 30 }],
            subject.level.to_be_bytes().to_vec(),
            subject.round.to_be_bytes().to_vec(),
            subject.payload_hash.to_vec(),
            sized(&committee),
        ]
        .concat()
    }
}
