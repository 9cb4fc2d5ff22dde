//! Kinds of operations, by name.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

macro_rules! operation_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// A kind of operation, by its Octez name. Distinguishes what matters to policies: staking from transfers, and the choice of
        /// a ballot.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum OperationKind { $($(#[$doc])* $kind,)* }

        impl OperationKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// The name in policies, logs and answers.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

operation_kinds! {
    /// Publishes the public key of the source.
    Reveal = "reveal",
    /// Sends tez or calls a contract; not staking.
    Transaction = "transaction",
    /// Stakes spendable tez of the source.
    Stake = "transaction:stake",
    /// Requests staked tez back.
    Unstake = "transaction:unstake",
    /// Makes unstaked tez spendable after the waiting period.
    FinalizeUnstake = "transaction:finalize_unstake",
    /// Sets a delegate's conditions for stakers.
    SetDelegateParameters = "transaction:set_delegate_parameters",
    /// Creates a contract.
    Origination = "origination",
    /// Sets or withdraws the delegate of the source.
    Delegation = "delegation",
    /// Stores a Michelson expression for general use.
    RegisterGlobalConstant = "register_global_constant",
    /// Limits a delegate's deposits.
    SetDepositsLimit = "set_deposits_limit",
    /// Pays for storage of a contract.
    IncreasePaidStorage = "increase_paid_storage",
    /// Transfers consensus to another key.
    UpdateConsensusKey = "update_consensus_key",
    /// Sets the key that signs DAL content for a tz4 consensus key.
    UpdateCompanionKey = "update_companion_key",
    /// Sends tickets.
    TransferTicket = "transfer_ticket",
    /// Creates a smart rollup.
    SmartRollupOriginate = "smart_rollup_originate",
    /// Sends messages to all smart rollups.
    SmartRollupAddMessages = "smart_rollup_add_messages",
    /// Makes a commitment final.
    SmartRollupCement = "smart_rollup_cement",
    /// Publishes a commitment.
    SmartRollupPublish = "smart_rollup_publish",
    /// Plays a refutation game.
    SmartRollupRefute = "smart_rollup_refute",
    /// Ends a refutation game by timeout.
    SmartRollupTimeout = "smart_rollup_timeout",
    /// Executes a message of a rollup's outbox.
    SmartRollupExecuteOutboxMessage = "smart_rollup_execute_outbox_message",
    /// Recovers a bond.
    SmartRollupRecoverBond = "smart_rollup_recover_bond",
    /// Publishes data to the data availability layer.
    DalPublishCommitment = "dal_publish_commitment",
    /// Proposes protocols.
    Proposals = "proposals",
    /// Votes yay on a protocol.
    BallotYay = "ballot:yay",
    /// Votes nay on a protocol.
    BallotNay = "ballot:nay",
    /// Passes in a vote on a protocol.
    BallotPass = "ballot:pass",
    /// Empties the spendable balance of a delegate; signed by its consensus key.
    DrainDelegate = "drain_delegate",
    /// Does nothing; carries a message to sign.
    FailingNoop = "failing_noop",
    /// Reveals a nonce.
    SeedNonceRevelation = "seed_nonce_revelation",
    /// Denounces two votes.
    DoubleConsensusOperationEvidence = "double_consensus_operation_evidence",
    /// Denounces two blocks.
    DoubleBakingEvidence = "double_baking_evidence",
    /// Denounces an attestation of unavailable data.
    DalEntrapmentEvidence = "dal_entrapment_evidence",
    /// Activates a fundraiser account.
    ActivateAccount = "activate_account",
    /// Reveals the result of the delay function.
    VdfRevelation = "vdf_revelation",
}

impl fmt::Display for OperationKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for OperationKind {
    type Err = UnknownOperationKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.name() == text).ok_or_else(|| UnknownOperationKind(text.to_owned()))
    }
}

/// A name that is not an operation kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not an operation kind")]
pub struct UnknownOperationKind(String);

/// The entrypoint that a transaction calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entrypoint(pub(super) String);

impl Entrypoint {
    /// The name; `default` if the transaction does not specify one.
    pub fn name(&self) -> &str {
        &self.0
    }
}
