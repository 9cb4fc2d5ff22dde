//! What signers have by design no notion of, so that cases about it say nothing of them.

use crate::case::Feature;
use std::str::FromStr;
use thiserror::Error;

/// A kind of signer, and which features it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does not have.
    pub lacks: &'static [Lack],
}

/// A feature that a signer does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lack {
    /// The feature.
    pub feature: Feature,
    /// What the signer has in its place, and so why the cases are left out.
    pub reason: &'static str,
}

const NO_LIMITS: &str =
    "there is no limit of amounts and fees: a policy hook or a proxy before the signer has to set one";

/// All profiles. Features are those of octez-signer 25 and Signatory 1.4.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "azurehsm-signer", lacks: &[] },
    Profile {
        name: "octez",
        lacks: &[
            lacks(Feature::OperationsRead, "operations are recognised by their magic byte (03) and not parsed"),
            lacks(Feature::OperationKinds, "operations are recognised by their magic byte (03) and not parsed"),
            lacks(Feature::AmountLimits, "operations are recognised by their magic byte (03) and not parsed"),
            lacks(Feature::Destinations, "operations are recognised by their magic byte (03) and not parsed"),
            lacks(Feature::ConsensusKinds, "--magic-bytes holds for all keys of a process"),
            lacks(Feature::Chains, "no key is bound to a chain; each chain has its own high watermarks"),
            lacks(Feature::LevelLimits, "any higher level is signed"),
            lacks(Feature::ProofOfPossession, "--allow-to-prove-possession holds for all keys of a process"),
            lacks(Feature::NewerVersions, "client and signer are of one release; an unknown version is refused"),
        ],
    },
    Profile {
        name: "signatory",
        lacks: &[
            lacks(Feature::AmountLimits, NO_LIMITS),
            lacks(Feature::Destinations, "there is no list of destinations: a policy hook has to keep one"),
            lacks(Feature::LevelLimits, "any higher level is signed"),
        ],
    },
];

const fn lacks(feature: Feature, reason: &'static str) -> Lack {
    Lack { feature, reason }
}

/// A name that no profile has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no profile {name:?}: there are {}", PROFILES.map(|profile| profile.name).join(", "))]
pub struct UnknownProfile {
    /// What was given.
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
    /// The first of these features that the signer does not have.
    pub fn lack_of(&self, features: &[Feature]) -> Option<Lack> {
        features.iter().find_map(|feature| self.lacks.iter().find(|lack| lack.feature == *feature)).copied()
    }
}
