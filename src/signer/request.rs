use crate::tezos::{BlsScheme, Curve, PublicKeyHash};
use std::str::FromStr;
use thiserror::Error;
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
    /// A later one, which this release does not know. Octez adds one when a protocol brings a new kind of signature; those
    /// of the kinds there are have not changed with it. So it is answered as the newest that is known.
    Newer(u64),
}

impl SignatureVersion {
    /// The scheme to sign with, if keys of this curve exist in this version. It differs for tz4 only.
    pub const fn scheme(self, curve: Curve) -> Option<BlsScheme> {
        match (self, curve) {
            (Self::V0, Curve::Bls) => None,
            (Self::V1, Curve::Bls) => Some(BlsScheme::Augmented),
            _ => Some(BlsScheme::ProofOfPossession),
        }
    }
}

impl FromStr for SignatureVersion {
    type Err = InvalidVersion;

    /// Digits only, without leading zeros, as Octez writes it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
        let number = if is_plain { text.parse() } else { return Err(InvalidVersion) };
        Ok(match number.map_err(|_| InvalidVersion)? {
            0 => Self::V0,
            1 => Self::V1,
            2 => Self::V2,
            3 => Self::V3,
            newer => Self::Newer(newer),
        })
    }
}

/// A `version` that is no number. The text is not repeated: what is mistaken for a version may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the version of signatures is not a whole number below 2^64, without sign or leading zeros: expected version=3, for example"
)]
pub struct InvalidVersion;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_plain_numbers() {
        for (text, expected) in [
            ("0", Ok(SignatureVersion::V0)),
            ("1", Ok(SignatureVersion::V1)),
            ("2", Ok(SignatureVersion::V2)),
            ("3", Ok(SignatureVersion::V3)),
            ("4", Ok(SignatureVersion::Newer(4))),
            ("10", Ok(SignatureVersion::Newer(10))),
            ("18446744073709551615", Ok(SignatureVersion::Newer(u64::MAX))),
            ("18446744073709551616", Err(InvalidVersion)),
            ("", Err(InvalidVersion)),
            ("00", Err(InvalidVersion)),
            ("03", Err(InvalidVersion)),
            ("+3", Err(InvalidVersion)),
            ("-1", Err(InvalidVersion)),
            ("3.0", Err(InvalidVersion)),
            ("4x", Err(InvalidVersion)),
            ("\u{664}", Err(InvalidVersion)),
            ("latest", Err(InvalidVersion)),
        ] {
            assert_eq!(text.parse(), expected, "{text:?}");
        }
    }
}
