use crate::tezos::{BlsScheme, Curve, PublicKeyHash};
use std::str::FromStr;
use tokio::time::Instant;

/// A request to sign.
#[derive(Debug, Clone)]
pub struct SignRequest {
    /// The key that shall sign.
    pub key: PublicKeyHash,
    /// What it shall sign.
    pub payload: Vec<u8>,
    /// What the client can read.
    pub version: SignatureVersion,
    /// The client's signature of the request, if it sent one.
    pub authentication: Option<String>,
    /// When the answer must be there.
    pub deadline: Instant,
    /// The id that the Functions host gave the request, for the log.
    pub invocation: Option<String>,
}

/// The signature version that a client says it reads (`version=`). It makes a difference for tz4 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SignatureVersion {
    /// Before tz4.
    V0,
    /// tz4 with the augmented scheme.
    V1,
    /// tz4 with the proof-of-possession scheme.
    V2,
    /// The same, and ML-DSA-44, of which no keys are held here. What is taken to be meant when nothing is said.
    #[default]
    V3,
}

impl SignatureVersion {
    /// The scheme to sign with, if keys of this curve exist in this version. The scheme matters for tz4 only.
    pub const fn scheme(self, curve: Curve) -> Option<BlsScheme> {
        match (self, curve) {
            (Self::V0, Curve::Bls) => None,
            (Self::V1, _) => Some(BlsScheme::Augmented),
            _ => Some(BlsScheme::ProofOfPossession),
        }
    }
}

impl FromStr for SignatureVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "0" => Ok(Self::V0),
            "1" => Ok(Self::V1),
            "2" => Ok(Self::V2),
            "3" => Ok(Self::V3),
            _ => Err("unknown version: expected 0, 1, 2 or 3".to_owned()),
        }
    }
}
