//! Features that not all signers have.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that a signer may lack by design. A case names the features without which it does not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Operations are decoded, and must be well-formed to the last byte.
    OperationsRead,
    /// A key's policy distinguishes kinds of operations.
    OperationKinds,
    /// A key's policy distinguishes blocks, preattestations and attestations.
    ConsensusKinds,
    /// The policy of one key limits amounts and fees.
    AmountLimits,
    /// The policy of one key lists destinations.
    Destinations,
    /// A key's policy names its chains.
    Chains,
    /// Packed data (watermark byte 0x05) can be permitted.
    PackedData,
    /// A level far above the mark is refused.
    LevelLimits,
    /// Proofs of possession can be permitted for individual keys.
    ProofOfPossession,
    /// Signature versions newer than the signer.
    NewerVersions,
}

impl Feature {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::OperationsRead,
        Self::OperationKinds,
        Self::ConsensusKinds,
        Self::AmountLimits,
        Self::Destinations,
        Self::Chains,
        Self::PackedData,
        Self::LevelLimits,
        Self::ProofOfPossession,
        Self::NewerVersions,
    ];

    /// Its name in the files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OperationsRead => "operations_read",
            Self::OperationKinds => "operation_kinds",
            Self::ConsensusKinds => "consensus_kinds",
            Self::AmountLimits => "amount_limits",
            Self::Destinations => "destinations",
            Self::Chains => "chains",
            Self::PackedData => "packed_data",
            Self::LevelLimits => "level_limits",
            Self::ProofOfPossession => "proof_of_possession",
            Self::NewerVersions => "newer_versions",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
