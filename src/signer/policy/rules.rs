//! The rules of one key, applied to a decoded payload.

use super::costs::Spending;
use super::effects::{Cost, Recipient, effects};
use crate::tezos::ChainId;
use crate::tezos::payload::operations::{Address, Content, OperationKind};
use crate::tezos::payload::{Kind, Operations, Payload};
use std::collections::BTreeSet;
use thiserror::Error;

/// The rules for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Consensus kinds that may be signed. Attestation covers content tags 21, 23 and 41.
    pub kinds: BTreeSet<Kind>,
    /// Operation kinds that may be signed.
    pub operations: AllowedOperations,
    /// Chains of blocks and votes; `None` is any. Operations do not name their chain.
    pub chains: Option<Vec<ChainId>>,
    /// Recipients of tez, tickets and delegations; `None` is anyone.
    pub destinations: Option<Vec<Address>>,
    /// The most that all contents of an operation together may send, burn for storage and bond, in mutez; `None` is no limit.
    pub max_amount: Option<u64>,
    /// The highest fee of all contents of an operation together, in mutez; `None` is no limit.
    pub max_fee: Option<u64>,
    /// Whether packed data may be signed.
    pub packed_data: bool,
    /// Whether a tz4 key may prove possession.
    pub proof_of_possession: bool,
    /// Whether signing requests must be authenticated; `None` is the default for all keys.
    pub require_authentication: Option<bool>,
}

impl Default for Rules {
    /// Allows consensus kinds only.
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

/// The operation kinds that may be signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedOperations {
    /// Kinds listed by name.
    pub named: BTreeSet<OperationKind>,
    /// Whether all other kinds are allowed too, except those that hand over or empty the account (see
    /// [`Effects`](super::Effects)).
    pub any: bool,
}

/// Why policy refuses a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAllowed {
    /// A block or vote of a kind that is not listed.
    #[error("policy does not allow this key to sign {}", .kind.with_article())]
    Kind {
        /// The kind.
        kind: Kind,
    },
    /// A block or vote of a chain that is not listed.
    #[error("policy does not allow this key to sign for chain {chain}")]
    Chain {
        /// The chain.
        chain: ChainId,
    },
    /// An operation of a kind that is not listed.
    #[error("policy does not allow this key to sign {kind} (content {index})")]
    Operation {
        /// The kind.
        kind: OperationKind,
        /// The index of the content in the batch, from 0.
        index: usize,
    },
    /// An operation that `any` does not include.
    #[error("`any` does not include {kind}, which {effect}: policy must name it (content {index})")]
    NeedsName {
        /// The kind.
        kind: OperationKind,
        /// The effect on the account.
        effect: &'static str,
        /// The index of the content in the batch, from 0.
        index: usize,
    },
    /// An address that is not listed.
    #[error("policy does not allow {address} as {role} (content {index})")]
    Destination {
        /// The recipient.
        address: Address,
        /// Its role in the operation.
        role: &'static str,
        /// The index of the content in the batch, from 0.
        index: usize,
    },
    /// Tez for a contract that has no address yet.
    #[error("policy restricts destinations, but {amount} mutez would go to a new contract (content {index})")]
    NewContract {
        /// The contract's balance, in mutez.
        amount: u64,
        /// The index of the content in the batch, from 0.
        index: usize,
    },
    /// An operation that does not show its destination, where destinations are restricted.
    #[error(
        "policy restricts destinations, but {kind} does not show its destination: {reason}. To allow it, set \
         \"destinations\": null for this key (content {index})"
    )]
    HiddenDestination {
        /// The kind.
        kind: OperationKind,
        /// Who receives something, or why no destination is shown.
        reason: &'static str,
        /// The index of the content in the batch, from 0.
        index: usize,
    },
    /// An operation that takes the whole balance, where amounts are limited.
    #[error(
        "{kind} takes the whole balance, but policy allows {limit} mutez. To allow it, list the kind by name and set \
         \"max_amount\": null for this key (content {index})"
    )]
    Everything {
        /// The kind.
        kind: OperationKind,
        /// The limit, in mutez.
        limit: u64,
        /// The index of the content in the batch, from 0.
        index: usize,
    },
    /// Too large an amount.
    #[error("the amount is {} mutez in total, policy allows {limit} (max_amount): {spending}", spending.total())]
    Amount {
        /// The sum over all contents.
        spending: Spending,
        /// The limit, in mutez.
        limit: u64,
    },
    /// Too large a fee.
    #[error("the fee is {fee} mutez in total, policy allows {limit} (max_fee)")]
    Fee {
        /// The sum over all contents, in mutez.
        fee: u64,
        /// The limit, in mutez.
        limit: u64,
    },
    /// Packed data, which is not allowed.
    #[error("policy does not allow this key to sign packed data")]
    PackedData,
    /// A proof of possession, which is not allowed.
    #[error("policy does not allow this key to prove possession")]
    ProofOfPossession,
}

impl Rules {
    /// Checks that a payload may be signed.
    ///
    /// # Errors
    /// [`NotAllowed`], with the first violation.
    pub fn allow(&self, payload: &Payload) -> Result<(), NotAllowed> {
        match payload {
            Payload::Operations(operations) => self.allow_operations(operations),
            Payload::PackedData if self.packed_data => Ok(()),
            Payload::PackedData => Err(NotAllowed::PackedData),
            Payload::Block(block) => self.allow_consensus(Kind::Block, block.chain),
            Payload::Vote(vote) => self.allow_consensus(vote.kind, vote.chain),
        }
    }

    /// Checks that the key may prove possession.
    ///
    /// # Errors
    /// [`NotAllowed::ProofOfPossession`].
    pub const fn allow_proof_of_possession(&self) -> Result<(), NotAllowed> {
        if self.proof_of_possession { Ok(()) } else { Err(NotAllowed::ProofOfPossession) }
    }

    /// Whether signing requests must be authenticated; `by_default` where the rules leave it open.
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
            self.allow_recipients(content, index)?;
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

    fn allow_recipients(&self, content: &Content, index: usize) -> Result<(), NotAllowed> {
        let Some(listed) = &self.destinations else { return Ok(()) };
        let own = content.source.map(Address::Account);
        // A missing address is not on the list either.
        let require = |address: Option<Address>, may_be_own: bool, role| match address {
            Some(address) if listed.contains(&address) || (may_be_own && own == Some(address)) => Ok(()),
            Some(address) => Err(NotAllowed::Destination { address, role, index }),
            None => Err(NotAllowed::HiddenDestination { kind: content.kind, reason: "it names none", index }),
        };
        for recipient in effects(content.kind).recipients {
            match recipient {
                Recipient::Destination => require(content.destination, false, "a destination")?,
                Recipient::OwnAccount => require(content.destination, true, "a destination")?,
                Recipient::Delegate if content.beneficiary.is_none() => {}
                Recipient::Delegate => require(content.beneficiary, false, "a delegate")?,
                Recipient::Contract => require(content.beneficiary, false, "a contract whose storage is paid")?,
                Recipient::Staker => require(content.beneficiary, true, "a staker whose bond is returned")?,
                Recipient::NewContract => match content.amount {
                    None | Some(0) => {}
                    Some(amount) => return Err(NotAllowed::NewContract { amount, index }),
                },
                Recipient::Hidden { reason } => {
                    return Err(NotAllowed::HiddenDestination { kind: content.kind, reason, index });
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
    fn listed_destinations_and_stakes_to_the_source() {
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
            // The source is a destination like any other, and must be listed.
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
    fn possession_is_proved_where_policy_allows_it() {
        assert_eq!(Rules::default().allow_proof_of_possession(), Err(NotAllowed::ProofOfPossession));
        let rules = Rules { proof_of_possession: true, ..Rules::default() };
        assert_eq!(rules.allow_proof_of_possession(), Ok(()));
    }
}
