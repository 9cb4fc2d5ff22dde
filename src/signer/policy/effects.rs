//! What each kind of operation can do to the tez of its source: the table that policies are checked against.

use crate::tezos::payload::operations::OperationKind;
use std::fmt;

/// The effects of one kind of operation on the tez of its source and on who controls them, as far as policies limit these.
///
/// `docs/policy.md` has this as a table, with a row for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effects {
    /// What the operation does to the account, if it must therefore be allowed by name; `None` if `any` includes it.
    pub needs_name: Option<&'static str>,
    /// The requirements of `destinations`.
    pub recipients: &'static [Recipient],
    /// The costs that `max_amount` counts.
    pub costs: &'static [Cost],
}

/// A requirement of `destinations` on an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// The destination is listed.
    Destination,
    /// The destination is the source, or listed.
    OwnAccount,
    /// A new contract, which has no address yet, gets no tez.
    NewContract,
    /// The delegate, if any, is listed.
    Delegate,
    /// The contract whose storage is paid is listed.
    Contract,
    /// The staker is the source, or listed.
    Staker,
    /// `destinations` must be unset, since the operation does not show its recipient.
    Hidden {
        /// Who receives something, in words.
        reason: &'static str,
    },
}

/// A cost that `max_amount` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// The amount of a transaction, or the balance of a new contract.
    Amount,
    /// The storage limit: each byte costs [`COST_PER_BYTE`](super::costs::COST_PER_BYTE), and is burnt.
    StorageLimit,
    /// Bytes of storage paid in advance, at the same price.
    PaidStorage,
    /// A bond of [`ROLLUP_BOND`](super::costs::ROLLUP_BOND), which is forfeited if the commitment is refuted or the game is lost.
    Bond,
    /// The whole balance: no limit covers it.
    Everything,
}

const TEZ_OF_AN_ACCOUNT: &[Cost] = &[Cost::Amount, Cost::StorageLimit];
const STORAGE: &[Cost] = &[Cost::StorageLimit];
const BOND: &[Cost] = &[Cost::StorageLimit, Cost::Bond];

/// The effects of a kind: `apply.ml` and `fees_storage.ml` of protocol 025. Every manager operation counts as burning up to its
/// storage limit, even where this protocol burns nothing.
pub const fn effects(kind: OperationKind) -> Effects {
    use OperationKind as Kind;
    const NONE: Effects = Effects { needs_name: None, recipients: &[], costs: &[] };
    const MANAGER: Effects = Effects { costs: STORAGE, ..NONE };
    match kind {
        Kind::Transaction => Effects { recipients: &[Recipient::Destination], costs: TEZ_OF_AN_ACCOUNT, ..NONE },
        // The protocol accepts stakes to the source only. Anybody's unstaked tez may be finalized, and go to their owner.
        Kind::Stake | Kind::Unstake | Kind::FinalizeUnstake | Kind::SetDelegateParameters => {
            Effects { recipients: &[Recipient::OwnAccount], costs: TEZ_OF_AN_ACCOUNT, ..NONE }
        }
        Kind::Origination => {
            Effects { recipients: &[Recipient::Delegate, Recipient::NewContract], costs: TEZ_OF_AN_ACCOUNT, ..NONE }
        }
        Kind::Delegation => Effects { recipients: &[Recipient::Delegate], ..MANAGER },
        Kind::IncreasePaidStorage => {
            Effects { recipients: &[Recipient::Contract], costs: &[Cost::StorageLimit, Cost::PaidStorage], ..NONE }
        }
        Kind::UpdateConsensusKey => Effects {
            needs_name: Some("hands the delegate to another key, which can then empty its account"),
            ..MANAGER
        },
        Kind::UpdateCompanionKey => {
            Effects { needs_name: Some("hands attestations with DAL content to another key"), ..MANAGER }
        }
        Kind::DrainDelegate => Effects {
            needs_name: Some("empties the account of the delegate"),
            recipients: &[Recipient::Destination],
            costs: &[Cost::Everything],
        },
        Kind::TransferTicket => Effects { recipients: &[Recipient::Destination], ..MANAGER },
        Kind::SmartRollupPublish => Effects {
            recipients: &[Recipient::Hidden { reason: "the refuter of the commitment gets half of its bond" }],
            costs: BOND,
            ..NONE
        },
        Kind::SmartRollupRefute => Effects {
            recipients: &[Recipient::Hidden { reason: "the opponent gets half of the bond if the game is lost" }],
            costs: BOND,
            ..NONE
        },
        Kind::SmartRollupExecuteOutboxMessage => {
            Effects { recipients: &[Recipient::Hidden { reason: "the message decides who gets tickets" }], ..MANAGER }
        }
        Kind::SmartRollupRecoverBond => Effects { recipients: &[Recipient::Staker], ..MANAGER },
        Kind::Reveal
        | Kind::RegisterGlobalConstant
        | Kind::SetDepositsLimit
        | Kind::SmartRollupOriginate
        | Kind::SmartRollupAddMessages
        | Kind::SmartRollupCement
        | Kind::SmartRollupTimeout
        | Kind::DalPublishCommitment => MANAGER,
        // These pay no fee and move no tez of the source.
        Kind::Proposals
        | Kind::BallotYay
        | Kind::BallotNay
        | Kind::BallotPass
        | Kind::FailingNoop
        | Kind::SeedNonceRevelation
        | Kind::DoubleConsensusOperationEvidence
        | Kind::DoubleBakingEvidence
        | Kind::DalEntrapmentEvidence
        | Kind::ActivateAccount
        | Kind::VdfRevelation => NONE,
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination => formatter.write_str("destination listed"),
            Self::OwnAccount => formatter.write_str("destination is the source, or listed"),
            Self::NewContract => formatter.write_str("balance 0"),
            Self::Delegate => formatter.write_str("delegate, if any, listed"),
            Self::Contract => formatter.write_str("contract listed"),
            Self::Staker => formatter.write_str("staker is the source, or listed"),
            Self::Hidden { reason } => write!(formatter, "**refused**: {reason}"),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Amount => "amount",
            Self::StorageLimit => "storage limit",
            Self::PaidStorage => "paid storage",
            Self::Bond => "bond",
            Self::Everything => "**refused**: it takes everything",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of a kind in the table of `docs/policy.md`.
    fn row(kind: OperationKind) -> String {
        fn cell<T: fmt::Display>(parts: &[T]) -> String {
            if parts.is_empty() {
                "–".to_owned()
            } else {
                parts.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
            }
        }
        let Effects { needs_name, recipients, costs } = effects(kind);
        let any = needs_name.map_or_else(|| "yes".to_owned(), |reason| format!("**no**: it {reason}"));
        format!("| `{kind}` | {any} | {} | {} |", cell(recipients), cell(costs))
    }

    #[test]
    fn the_table_in_the_docs_matches_the_code() {
        let document = include_str!("../../../docs/policy.md");
        let documented: Vec<_> = document
            .lines()
            .skip_while(|line| !line.starts_with("| operation |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        let done: Vec<_> = OperationKind::ALL.iter().map(|kind| row(*kind)).collect();
        assert_eq!(documented, done, "docs/policy.md should have these rows:\n{}", done.join("\n"));
    }
}
