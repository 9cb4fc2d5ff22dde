//! What a sealed key may sign: only what it was sealed for, whatever the policy allows. Pure.

use crate::tezos::ChainId;
use crate::tezos::payload::{Consensus, Kind, Payload};
use crate::vault::sealed::{Purpose, Role};
use thiserror::Error;

/// Checks a payload against the purpose of a sealed key. `is_named` is whether the policy names the key.
///
/// # Errors
/// [`OutsidePurpose`]
pub(super) fn check(purpose: &Purpose, payload: &Payload, is_named: bool) -> Result<(), OutsidePurpose> {
    let role = purpose.role();
    if let Some(Consensus { kind, chain, .. }) = payload.consensus() {
        if chain != purpose.chain() {
            return Err(OutsidePurpose::Chain { chain, expected: purpose.chain() });
        }
        return match (role, kind) {
            (Role::Consensus, _) | (Role::Companion, Kind::Attestation) => Ok(()),
            (Role::Companion, _) => Err(OutsidePurpose::Kind { kind }),
        };
    }
    match (payload, role) {
        (Payload::Operations(_), Role::Consensus) if is_named => Ok(()),
        (Payload::Operations(_), Role::Consensus) => Err(OutsidePurpose::NotNamed),
        _ => Err(OutsidePurpose::NotConsensus { role }),
    }
}

/// A sealed key was not sealed for this.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OutsidePurpose {
    /// Another chain.
    #[error("this key is sealed for chain {expected}, and does not sign for {chain}")]
    Chain {
        /// The chain of the payload.
        chain: ChainId,
        /// The chain of the key.
        expected: ChainId,
    },
    /// A block or a preattestation by a companion key.
    #[error("this key is sealed as a companion key, which signs attestations only, not {}", .kind.with_article())]
    Kind {
        /// The kind.
        kind: Kind,
    },
    /// An operation by a consensus key that the policy does not name.
    #[error("this key is sealed as a consensus key: it signs operations only if the policy names it under \"keys\"")]
    NotNamed,
    /// An operation by a companion key, or packed data.
    #[error("this key is sealed as a {role} key, and does not sign this")]
    NotConsensus {
        /// The role of the key.
        role: Role,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::StoreIdentity;
    use crate::tezos::payload::operations::{Content, OperationKind};
    use crate::tezos::payload::{NonNegative, Operations, Position, Vote};
    use crate::tezos::{BlockHash, Curve};

    const OTHER: &str = "NetXnHfVqm9iesp";

    #[test]
    fn each_role_signs_what_it_is_for_on_its_chain() {
        let vote = |kind, chain: ChainId| {
            let position = Position { level: NonNegative::ZERO, round: NonNegative::ZERO };
            Payload::Vote(Vote { kind, chain, position })
        };
        let (mainnet, other): (ChainId, ChainId) = (ChainId::MAINNET, OTHER.parse().unwrap());
        let contents = vec![Content::new(OperationKind::Reveal)];
        let operations = Payload::Operations(Operations { branch: BlockHash::from_bytes([7; 32]), contents });
        let wrong_chain = OutsidePurpose::Chain { chain: other, expected: mainnet };
        let not_consensus = |role| Err(OutsidePurpose::NotConsensus { role });
        let preattestation = Kind::Preattestation;
        for (payload, is_named, as_consensus, as_companion) in [
            (vote(Kind::Attestation, mainnet), false, Ok(()), Ok(())),
            (vote(Kind::Attestation, other), true, Err(wrong_chain.clone()), Err(wrong_chain)),
            (vote(preattestation, mainnet), true, Ok(()), Err(OutsidePurpose::Kind { kind: preattestation })),
            (operations.clone(), true, Ok(()), not_consensus(Role::Companion)),
            (operations, false, Err(OutsidePurpose::NotNamed), not_consensus(Role::Companion)),
            (Payload::PackedData, true, not_consensus(Role::Consensus), not_consensus(Role::Companion)),
        ] {
            for (role, expected) in [(Role::Consensus, as_consensus), (Role::Companion, as_companion)] {
                let store = StoreIdentity::Embedded { id: "0".repeat(32) };
                let purpose = Purpose::new(role, mainnet, store).unwrap();
                assert_eq!(check(&purpose, &payload, is_named), expected, "{role}, {payload:?}");
            }
        }
    }

    #[test]
    fn an_attestation_by_a_tz4_key_has_content_tag_41() {
        let vote = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
        for (tag, rest, is_understood) in [("29", "00000533", true), ("15", "000000000533", false)] {
            let bytes = hex::decode(format!("{vote}{tag}{rest}{}", "00".repeat(36))).unwrap();
            assert_eq!(Payload::decode(&bytes, Curve::Bls).is_ok(), is_understood, "{tag}");
        }
    }
}
