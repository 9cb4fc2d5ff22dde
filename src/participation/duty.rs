//! What was due: votes and blocks that keys had the right to, given the chain as it became. Pure.

use super::rights::Rights;
use crate::tezos::PublicKeyHash;
use crate::tezos::payload::{Kind, NonNegative};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// A vote or a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DutyKind {
    /// An attestation. Preattestations are not on chain, except in blocks that propose the same content again.
    Vote,
    /// A block.
    Block,
}

impl DutyKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Vote, Self::Block];

    /// The kind of the mark that covers it.
    pub const fn of_mark(self) -> Kind {
        match self {
            Self::Vote => Kind::Attestation,
            Self::Block => Kind::Block,
        }
    }

    /// The name in metrics and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vote => "vote",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for DutyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A vote or a block that a key had the right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duty {
    /// The key that signs: the consensus key, if the delegate has one.
    pub key: PublicKeyHash,
    /// A vote or a block.
    pub kind: DutyKind,
    /// Its level.
    pub level: NonNegative,
    /// The round: of the block on chain for a vote, and of the right for a block.
    pub round: NonNegative,
    /// Whether the chain shows it.
    pub is_on_chain: bool,
}

/// A final block, as far as participation depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockOnChain {
    /// Its level.
    pub level: NonNegative,
    /// Its round.
    pub round: NonNegative,
    /// The keys whose attestations were looked for.
    pub keys: Arc<BTreeSet<PublicKeyHash>>,
    /// Those of them whose attestations the next block includes.
    pub attested_by: BTreeSet<PublicKeyHash>,
}

/// The votes for a block, and the blocks at its level, that were due by these rights from the keys that were looked for.
pub(super) fn due(block: &BlockOnChain, rights: &Rights) -> Vec<Duty> {
    let mut duties = due_votes(block, &rights.votes_at(block.level));
    duties.extend(due_blocks(block, &rights.blocks_at(block.level)));
    duties.retain(|duty| block.keys.contains(&duty.key));
    duties
}

/// The votes that were due for a block: one of each key with a right.
pub(super) fn due_votes(block: &BlockOnChain, with_right: &BTreeSet<PublicKeyHash>) -> Vec<Duty> {
    let vote = |key: &PublicKeyHash| Duty {
        key: *key,
        kind: DutyKind::Vote,
        level: block.level,
        round: block.round,
        is_on_chain: block.attested_by.contains(key),
    };
    with_right.iter().map(vote).collect()
}

/// The blocks that were due at the level of a block: those of all rounds up to the one that the chain has. `rights` are the keys that may
/// bake at each round; later rounds never began.
fn due_blocks(block: &BlockOnChain, rights: &BTreeMap<NonNegative, PublicKeyHash>) -> Vec<Duty> {
    let duty = |(round, key): (&NonNegative, &PublicKeyHash)| Duty {
        key: *key,
        kind: DutyKind::Block,
        level: block.level,
        round: *round,
        is_on_chain: *round == block.round,
    };
    rights.range(..=block.round).map(duty).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{Curve, SecretKey};

    fn number(number: i32) -> NonNegative {
        number.try_into().unwrap()
    }

    #[test]
    fn votes_are_due_of_all_keys_with_a_right_and_blocks_of_all_rounds_that_began() {
        let [one, two, three] = [1, 2, 3].map(|_| SecretKey::generate(Curve::P256).unwrap().public_key().hash());
        let (keys, attested_by) = (Arc::default(), BTreeSet::from([one, three]));
        let block = BlockOnChain { level: number(7), round: number(1), keys, attested_by };
        let votes = due_votes(&block, &BTreeSet::from([one, two]));
        let seen: BTreeSet<_> = votes.iter().map(|duty| (duty.key, duty.round, duty.is_on_chain)).collect();
        assert_eq!(seen, BTreeSet::from([(one, number(1), true), (two, number(1), false)]));

        let rights = BTreeMap::from([(number(0), one), (number(1), two), (number(2), three)]);
        let blocks = due_blocks(&block, &rights);
        let seen: Vec<_> = blocks.iter().map(|duty| (duty.key, duty.round, duty.is_on_chain)).collect();
        assert_eq!(seen, [(one, number(0), false), (two, number(1), true)], "round 2 never began");
    }
}
