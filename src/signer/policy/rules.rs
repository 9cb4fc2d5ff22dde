use super::costs::Spending;
use super::effects::{Cost, Place, effects};
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
    /// Where tez, tickets and delegations may go; `None` is anywhere.
    pub destinations: Option<Vec<Address>>,
    /// How many mutez all contents of an operation together may send, burn for storage and bond; `None` is any number.
    pub max_amount: Option<u64>,
    /// How many mutez of fees all contents of an operation together may pay; `None` is any number.
    pub max_fee: Option<u64>,
    /// Payloads of packed data.
    pub packed_data: bool,
    /// Proofs of possession, of tz4 keys.
    pub proof_of_possession: bool,
    /// Whether a request to sign must be authenticated; `None` is as it is for all keys.
    pub require_authentication: Option<bool>,
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
            require_authentication: None,
        }
    }
}

/// Operation kinds that may be signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOperations {
    /// Those that are named.
    pub named: BTreeSet<OperationKind>,
    /// Every other one too, but for those that hand over or empty the account (see [`Effects`](super::Effects)).
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
    /// An operation that `any` does not include.
    #[error("`any` does not include {kind}, which {effect}: policy must name it (content {index})")]
    NeedsName {
        /// What it is.
        kind: OperationKind,
        /// What it does to the account.
        effect: &'static str,
        /// Which content of the batch, from 0.
        index: usize,
    },
    /// An address that is not listed.
    #[error("policy does not allow {address} as {role} (content {index})")]
    Destination {
        /// Whom it would be for.
        address: Address,
        /// What it would be.
        role: &'static str,
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
    /// Something for somebody who is not known here.
    #[error(
        "policy restricts destinations, and {kind} does not show its own: {who}. A key that is to sign it needs \
         \"destinations\": null (content {index})"
    )]
    UnseenDestination {
        /// What it is.
        kind: OperationKind,
        /// Who gets what.
        who: &'static str,
        /// Which content of the batch, from 0.
        index: usize,
    },
    /// An operation that takes whatever there is, where there is a limit.
    #[error(
        "{kind} takes all that the account holds, and policy allows {limit} mutez. A key that is to sign it needs its name and \
         \"max_amount\": null (content {index})"
    )]
    Everything {
        /// What it is.
        kind: OperationKind,
        /// In mutez.
        limit: u64,
        /// Which content of the batch, from 0.
        index: usize,
    },
    /// Too large an amount.
    #[error("the amount is {} mutez in all, policy allows {limit} (max_amount): {spending}", spending.total())]
    Amount {
        /// Of all contents together.
        spending: Spending,
        /// In mutez.
        limit: u64,
    },
    /// Too large a fee.
    #[error("the fee is {fee} mutez in all, policy allows {limit} (max_fee)")]
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

    /// Whether a request to sign must be authenticated; `by_default` if the rules do not say.
    pub fn requires_authentication(&self, by_default: bool) -> bool {
        self.require_authentication.unwrap_or(by_default)
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
            self.allow_places(content, index)?;
            self.allow_everything(content.kind, index)?;
        }
        let spending = Spending::of(&operations.contents);
        let fee = operations.contents.iter().filter_map(|content| content.fee).fold(0, u64::saturating_add);
        match (self.max_amount, self.max_fee) {
            (Some(limit), _) if spending.total() > limit => Err(NotAllowed::Amount { spending, limit }),
            (_, Some(limit)) if fee > limit => Err(NotAllowed::Fee { fee, limit }),
            _ => Ok(()),
        }
    }

    fn allow_kind(&self, kind: OperationKind, index: usize) -> Result<(), NotAllowed> {
        match effects(kind).needs_name {
            _ if self.operations.named.contains(&kind) => Ok(()),
            _ if !self.operations.any => Err(NotAllowed::Operation { kind, index }),
            Some(effect) => Err(NotAllowed::NeedsName { kind, effect, index }),
            None => Ok(()),
        }
    }

    fn allow_places(&self, content: &Content, index: usize) -> Result<(), NotAllowed> {
        let Some(listed) = &self.destinations else { return Ok(()) };
        let own = content.source.map(Address::Account);
        // An address that should be there and is not is not on the list either.
        let require = |address: Option<Address>, may_be_own: bool, role| match address {
            Some(address) if listed.contains(&address) || (may_be_own && own == Some(address)) => Ok(()),
            Some(address) => Err(NotAllowed::Destination { address, role, index }),
            None => Err(NotAllowed::UnseenDestination { kind: content.kind, who: "it names none", index }),
        };
        for place in effects(content.kind).places {
            match place {
                Place::Destination => require(content.destination, false, "a destination")?,
                Place::OwnAccount => require(content.destination, true, "a destination")?,
                Place::Delegate if content.beneficiary.is_none() => {}
                Place::Delegate => require(content.beneficiary, false, "a delegate")?,
                Place::Contract => require(content.beneficiary, false, "a contract whose storage is paid")?,
                Place::Staker => require(content.beneficiary, true, "a staker whose bond is returned")?,
                Place::NewContract => match content.amount {
                    None | Some(0) => {}
                    Some(amount) => return Err(NotAllowed::NewContract { amount, index }),
                },
                Place::Unseen { who } => {
                    return Err(NotAllowed::UnseenDestination { kind: content.kind, who, index });
                }
            }
        }
        Ok(())
    }

    fn allow_everything(&self, kind: OperationKind, index: usize) -> Result<(), NotAllowed> {
        match self.max_amount {
            Some(limit) if effects(kind).costs.contains(&Cost::Everything) => {
                Err(NotAllowed::Everything { kind, limit, index })
            }
            _ => Ok(()),
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
        let content = Content { source: Some(source), fee: Some(1), amount, destination, ..Content::new(kind) };
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
