//! Profiles: the features that known signers lack by design, so that the cases about them do not apply.

use crate::case::Feature;
use std::str::FromStr;
use thiserror::Error;

/// A kind of signer, and the features that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Name on the command line.
    pub name: &'static str,
    /// Missing features.
    pub lacks: &'static [Lack],
}

/// A feature that a signer lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack {
    /// The feature.
    pub feature: Feature,
    /// What the signer does instead, which is why the cases do not apply.
    pub reason: &'static str,
}

const NO_LIMITS: &str =
    "amounts and fees are not limited: a policy hook or a proxy in front of the signer has to do that";

/// All profiles, for octez-signer 25 and Signatory 1.4.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "azurehsm-signer", lacks: &[] },
    Profile {
        name: "octez",
        lacks: &[
            lacks(Feature::OperationsRead, "operations are recognised by their magic byte (03) and not decoded"),
            lacks(Feature::OperationKinds, "operations are recognised by their magic byte (03) and not decoded"),
            lacks(Feature::AmountLimits, "operations are recognised by their magic byte (03) and not decoded"),
            lacks(Feature::Destinations, "operations are recognised by their magic byte (03) and not decoded"),
            lacks(Feature::ConsensusKinds, "--magic-bytes applies to all keys of a process"),
            lacks(Feature::Chains, "keys are not bound to chains; each chain has its own high watermarks"),
            lacks(Feature::LevelLimits, "any higher level is signed"),
            lacks(Feature::ProofOfPossession, "--allow-to-prove-possession applies to all keys of a process"),
            lacks(Feature::NewerVersions, "client and signer are from the same release; an unknown version is refused"),
        ],
    },
    Profile {
        name: "signatory",
        lacks: &[
            lacks(Feature::AmountLimits, NO_LIMITS),
            lacks(Feature::Destinations, "destinations are not restricted: a policy hook has to do that"),
            lacks(Feature::LevelLimits, "any higher level is signed"),
        ],
    },
];

const fn lacks(feature: Feature, reason: &'static str) -> Lack {
    Lack { feature, reason }
}

/// The name of an unknown profile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown profile {name:?}: expected one of {}", PROFILES.map(|profile| profile.name).join(", "))]
pub struct UnknownProfile {
    /// The given name.
    name: String,
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        PROFILES
            .into_iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| UnknownProfile { name: name.to_owned() })
    }
}

impl Profile {
    /// The first of these features that the signer lacks.
    pub fn lack_of(&self, features: &[Feature]) -> Option<Lack> {
        features.iter().find_map(|feature| self.lacks.iter().find(|lack| lack.feature == *feature)).copied()
    }
}
