use crate::tezos::ChainId;
use crate::tezos::payload::operations::{Address, Content, OperationKind};
use crate::tezos::payload::{Kind, Operations, Payload};
use std::collections::BTreeSet;
use thiserror::Error;

/// What one key may sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Blocks, preattestations, attestations. The last covers content tags 21, 23 and 41.
    pub kinds: BTreeSet<Kind>,
    /// Operations.
    pub operations: AllowedOperations,
    /// The chains of blocks and votes; `None` is any. Operations do not say their chain.
    pub chains: Option<Vec<ChainId>>,
    /// Where tez and tickets may go; `None` is anywhere.
    pub destinations: Option<Vec<Address>>,
    /// How many mutez all contents of an operation together may send; `None` is any number.
    pub max_amount: Option<u64>,
    /// How many mutez of fees all contents of an operation together may pay; `None` is any number.
    pub max_fee: Option<u64>,
    /// Payloads of packed data.
    pub packed_data: bool,
    /// Proofs of possession, of tz4 keys.
    pub proof_of_possession: bool,
}

impl Default for Rules {
    /// Consensus kinds only.
    fn default() -> Self {
        Self {
            kinds: Kind::ALL.into(),
            operations: AllowedOperations::default(),
            chains: None,
            destinations: None,
            max_amount: None,
            max_fee: None,
            packed_data: false,
            proof_of_possession: false,
        }
    }
}

/// Operation kinds that may be signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOperations {
    /// Those that are named.
    pub named: BTreeSet<OperationKind>,
    /// Every other one too; but for `drain_delegate`, if the key may sign consensus.
    pub any: bool,
}

/// Why policy does not allow something.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAllowed {
    /// A block or vote.
    #[error("policy does not allow this key to sign {}", .kind.with_article())]
    Kind {
        /// What it is.
        kind: Kind,
    },
    /// A block or vote of a chain that is not listed.
    #[error("policy does not allow this key to sign for chain {chain}")]
    Chain {
        /// The chain.
        chain: ChainId,
    },
    /// An operation.
    #[error("policy does not allow this key to sign {kind} (content {index})")]
    Operation {
        /// What it is.
        kind: OperationKind,
        /// Which content of the batch, from 0.
        index: usize,
    },
    /// A drained delegate, by a key that may sign consensus.
    #[error(
        "drain_delegate empties the delegate's account: policy must name it, since this key may sign consensus \
         (content {index})"
    )]
    DrainDelegate {
        /// Which content of the batch, from 0.
        index: usize,
    },
    /// A destination that is not listed.
    #[error("policy does not allow {destination} as a destination (content {index})")]
    Destination {
        /// Where it would go.
        destination: Address,
        /// Which content of the batch, from 0.
        index: usize,
    },
    /// Tez for a contract that has no address yet.
    #[error("policy restricts destinations, and {amount} mutez would go to a new contract (content {index})")]
    NewContract {
        /// In mutez.
        amount: u64,
        /// Which content of the batch, from 0.
        index: usize,
    },
    /// Too large an amount.
    #[error("the amount is {amount} mutez in all, policy allows {limit}")]
    Amount {
        /// Of all contents together, in mutez.
        amount: u64,
        /// In mutez.
        limit: u64,
    },
    /// Too large a fee.
    #[error("the fee is {fee} mutez in all, policy allows {limit}")]
    Fee {
        /// Of all contents together, in mutez.
        fee: u64,
        /// In mutez.
        limit: u64,
    },
    /// Packed data.
    #[error("policy does not allow this key to sign packed data")]
    PackedData,
    /// A proof of possession.
    #[error("policy does not allow this key to prove possession")]
    ProofOfPossession,
}

impl Rules {
    /// Whether a payload may be signed.
    ///
    /// # Errors
    /// [`NotAllowed`], with the first thing that forbids it.
    pub fn allow(&self, payload: &Payload) -> Result<(), NotAllowed> {
        match payload {
            Payload::Operations(operations) => self.allow_operations(operations),
            Payload::PackedData if self.packed_data => Ok(()),
            Payload::PackedData => Err(NotAllowed::PackedData),
            Payload::Block(block) => self.allow_consensus(Kind::Block, block.chain),
            Payload::Vote(vote) => self.allow_consensus(vote.kind, vote.chain),
        }
    }

    /// Whether a proof of possession may be made.
    ///
    /// # Errors
    /// [`NotAllowed::ProofOfPossession`].
    pub const fn allow_proof_of_possession(&self) -> Result<(), NotAllowed> {
        if self.proof_of_possession { Ok(()) } else { Err(NotAllowed::ProofOfPossession) }
    }

    fn allow_consensus(&self, kind: Kind, chain: ChainId) -> Result<(), NotAllowed> {
        if !self.kinds.contains(&kind) {
            return Err(NotAllowed::Kind { kind });
        }
        match &self.chains {
            Some(chains) if !chains.contains(&chain) => Err(NotAllowed::Chain { chain }),
            _ => Ok(()),
        }
    }

    fn allow_operations(&self, operations: &Operations) -> Result<(), NotAllowed> {
        for (index, content) in operations.contents.iter().enumerate() {
            self.allow_kind(content.kind, index)?;
            self.allow_destination(content, index)?;
        }
        let total =
            |of: fn(&Content) -> Option<u64>| operations.contents.iter().filter_map(of).fold(0, u64::saturating_add);
        let (amount, fee) = (total(|content| content.amount), total(|content| content.fee));
        match (self.max_amount, self.max_fee) {
            (Some(limit), _) if amount > limit => Err(NotAllowed::Amount { amount, limit }),
            (_, Some(limit)) if fee > limit => Err(NotAllowed::Fee { fee, limit }),
            _ => Ok(()),
        }
    }

    fn allow_kind(&self, kind: OperationKind, index: usize) -> Result<(), NotAllowed> {
        if self.operations.named.contains(&kind) {
            return Ok(());
        }
        if kind == OperationKind::DrainDelegate && !self.kinds.is_empty() {
            return Err(NotAllowed::DrainDelegate { index });
        }
        if self.operations.any { Ok(()) } else { Err(NotAllowed::Operation { kind, index }) }
    }

    fn allow_destination(&self, content: &Content, index: usize) -> Result<(), NotAllowed> {
        let Some(allowed) = &self.destinations else { return Ok(()) };
        let Some(destination) = content.destination else {
            // The tez of an origination go to a contract that can send them on.
            return match content.amount {
                None | Some(0) => Ok(()),
                Some(amount) => Err(NotAllowed::NewContract { amount, index }),
            };
        };
        // Staking leaves the tez with their owner: the protocol lets it go to the source alone.
        let stays = matches!(
            content.kind,
            OperationKind::Stake
                | OperationKind::Unstake
                | OperationKind::FinalizeUnstake
                | OperationKind::SetDelegateParameters
        ) && content.source.map(Address::Account) == Some(destination);
        if stays || allowed.contains(&destination) {
            Ok(())
        } else {
            Err(NotAllowed::Destination { destination, index })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::BlockHash;
    use crate::tezos::payload::{NonNegative, Position, Vote};

    const MAINNET: &str = "NetXdQprcVkpaWU";
    const LISTED: &str = "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn";
    const SOURCE: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";
    const OTHER: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

    fn vote(chain: &str) -> Payload {
        let position = Position { level: NonNegative::ZERO, round: NonNegative::ZERO };
        Payload::Vote(Vote { kind: Kind::Attestation, chain: chain.parse().unwrap(), position })
    }

    /// An operation of `SOURCE`.
    fn operation(kind: OperationKind, destination: Option<&str>, amount: Option<u64>) -> Payload {
        let Address::Account(source) = SOURCE.parse().unwrap() else { unreachable!("tz1 is an account") };
        let destination = destination.map(|text| text.parse().unwrap());
        let content = Content { kind, source: Some(source), fee: Some(1), amount, destination, entrypoint: None };
        Payload::Operations(Operations { branch: BlockHash::from_bytes([7; 32]), contents: vec![content] })
    }

    #[test]
    fn listed_chains_and_no_others() {
        let any = Rules::default();
        let listed = Rules { chains: Some(vec![MAINNET.parse().unwrap()]), ..Rules::default() };
        for (rules, chain, is_allowed) in
            [(&any, "NetXnHfVqm9iesp", true), (&listed, MAINNET, true), (&listed, "NetXnHfVqm9iesp", false)]
        {
            assert_eq!(rules.allow(&vote(chain)).is_ok(), is_allowed, "{chain} {:?}", rules.chains);
        }
    }

    #[test]
    fn listed_destinations_and_stakes_of_the_own_tez() {
        let rules = Rules {
            operations: AllowedOperations { any: true, ..AllowedOperations::default() },
            destinations: Some(vec![LISTED.parse().unwrap()]),
            ..Rules::default()
        };
        let stakes = [
            OperationKind::Stake,
            OperationKind::Unstake,
            OperationKind::FinalizeUnstake,
            OperationKind::SetDelegateParameters,
        ];
        let mut rows = vec![
            (OperationKind::Transaction, Some(LISTED), Some(1), true),
            (OperationKind::Transaction, Some(OTHER), Some(1), false),
            // To oneself is to an address like any other: what was forgotten in the list is not guessed.
            (OperationKind::Transaction, Some(SOURCE), Some(1), false),
            (OperationKind::TransferTicket, Some(OTHER), None, false),
            (OperationKind::Delegation, None, None, true),
            (OperationKind::Origination, None, Some(0), true),
            (OperationKind::Origination, None, Some(1), false),
        ];
        for kind in stakes {
            rows.extend([(kind, Some(SOURCE), Some(1), true), (kind, Some(OTHER), Some(1), false)]);
        }
        for (kind, destination, amount, is_allowed) in rows {
            let answer = rules.allow(&operation(kind, destination, amount));
            assert_eq!(answer.is_ok(), is_allowed, "{kind} of {amount:?} to {destination:?}: {answer:?}");
        }
    }

    #[test]
    fn possession_is_proved_where_policy_says_so() {
        assert_eq!(Rules::default().allow_proof_of_possession(), Err(NotAllowed::ProofOfPossession));
        let rules = Rules { proof_of_possession: true, ..Rules::default() };
        assert_eq!(rules.allow_proof_of_possession(), Ok(()));
    }
}
