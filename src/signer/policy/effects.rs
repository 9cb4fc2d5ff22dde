use crate::tezos::payload::operations::OperationKind;
use std::fmt;

/// What an operation of one kind can do to the tez of its source and to who controls them, as far as a policy limits it.
///
/// `docs/policy.md` shows this as a table, a row for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effects {
    /// Why `any` does not include it: it says what the operation does to the account.
    pub needs_name: Option<&'static str>,
    /// What `destinations` requires.
    pub places: &'static [Place],
    /// What `max_amount` counts.
    pub costs: &'static [Cost],
}

/// What `destinations` requires of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// That the destination is listed.
    Destination,
    /// That the destination is the source, or listed.
    OwnAccount,
    /// That a new contract, which has no address yet, gets no tez.
    NewContract,
    /// That the delegate, if there is one, is listed.
    Delegate,
    /// That the contract whose storage is paid is listed.
    Contract,
    /// That the staker is the source, or listed.
    Staker,
    /// That there is no list, since who gets something cannot be seen.
    Unseen {
        /// Who that is.
        who: &'static str,
    },
}

/// What `max_amount` counts of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// The amount of a transaction, or the balance of a new contract.
    Amount,
    /// The storage limit: each byte costs [`COST_PER_BYTE`](super::costs::COST_PER_BYTE), and is burnt.
    StorageLimit,
    /// The bytes of storage that are paid in advance, at the same price.
    PaidStorage,
    /// A bond of [`ROLLUP_BOND`](super::costs::ROLLUP_BOND), which is lost if the commitment or the game is.
    Bond,
    /// Everything that there is: no limit holds it.
    Everything,
}

const TEZ_OF_AN_ACCOUNT: &[Cost] = &[Cost::Amount, Cost::StorageLimit];
const STORAGE: &[Cost] = &[Cost::StorageLimit];
const BOND: &[Cost] = &[Cost::StorageLimit, Cost::Bond];

/// What operations of a kind can do: `apply.ml` and `fees_storage.ml` of protocol 025. Each manager operation may burn as much as
/// its storage limit says; that this protocol burns nothing for some of them is not relied on.
pub const fn effects(kind: OperationKind) -> Effects {
    use OperationKind as Kind;
    const NONE: Effects = Effects { needs_name: None, places: &[], costs: &[] };
    const MANAGER: Effects = Effects { costs: STORAGE, ..NONE };
    match kind {
        Kind::Transaction => Effects { places: &[Place::Destination], costs: TEZ_OF_AN_ACCOUNT, ..NONE },
        // The protocol lets staking go to the source alone. Unstaked tez of anybody may be finalized, and go to their owner.
        Kind::Stake | Kind::Unstake | Kind::FinalizeUnstake | Kind::SetDelegateParameters => {
            Effects { places: &[Place::OwnAccount], costs: TEZ_OF_AN_ACCOUNT, ..NONE }
        }
        Kind::Origination => {
            Effects { places: &[Place::Delegate, Place::NewContract], costs: TEZ_OF_AN_ACCOUNT, ..NONE }
        }
        Kind::Delegation => Effects { places: &[Place::Delegate], ..MANAGER },
        Kind::IncreasePaidStorage => {
            Effects { places: &[Place::Contract], costs: &[Cost::StorageLimit, Cost::PaidStorage], ..NONE }
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
            places: &[Place::Destination],
            costs: &[Cost::Everything],
        },
        Kind::TransferTicket => Effects { places: &[Place::Destination], ..MANAGER },
        Kind::SmartRollupPublish => Effects {
            places: &[Place::Unseen { who: "whoever refutes the commitment gets half of its bond" }],
            costs: BOND,
            ..NONE
        },
        Kind::SmartRollupRefute => Effects {
            places: &[Place::Unseen { who: "the opponent gets half of the bond if the game is lost" }],
            costs: BOND,
            ..NONE
        },
        Kind::SmartRollupExecuteOutboxMessage => {
            Effects { places: &[Place::Unseen { who: "the message decides who gets tickets" }], ..MANAGER }
        }
        Kind::SmartRollupRecoverBond => Effects { places: &[Place::Staker], ..MANAGER },
        Kind::Reveal
        | Kind::RegisterGlobalConstant
        | Kind::SetDepositsLimit
        | Kind::SmartRollupOriginate
        | Kind::SmartRollupAddMessages
        | Kind::SmartRollupCement
        | Kind::SmartRollupTimeout
        | Kind::DalPublishCommitment => MANAGER,
        // These pay no fee and move no tez: nobody's, or only a voice in a vote, or a message that no block takes.
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

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Destination => formatter.write_str("destination listed"),
            Self::OwnAccount => formatter.write_str("destination is the source, or listed"),
            Self::NewContract => formatter.write_str("balance 0"),
            Self::Delegate => formatter.write_str("delegate, if any, listed"),
            Self::Contract => formatter.write_str("contract listed"),
            Self::Staker => formatter.write_str("staker is the source, or listed"),
            Self::Unseen { who } => write!(formatter, "**refused**: {who}"),
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

    /// A row of the table in `docs/policy.md`.
    fn row(kind: OperationKind) -> String {
        fn cell<T: fmt::Display>(parts: &[T]) -> String {
            if parts.is_empty() {
                "–".to_owned()
            } else {
                parts.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
            }
        }
        let Effects { needs_name, places, costs } = effects(kind);
        let any = needs_name.map_or_else(|| "yes".to_owned(), |why| format!("**no**: it {why}"));
        format!("| `{kind}` | {any} | {} | {} |", cell(places), cell(costs))
    }

    #[test]
    fn the_table_in_the_docs_says_what_is_done() {
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
