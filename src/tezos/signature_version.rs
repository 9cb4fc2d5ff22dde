//! The version of signatures that a client reads.

use super::{BlsScheme, Curve};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The signature version that a client reads (`version=`). It makes a difference for tz4 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SignatureVersion {
    /// No tz4 signatures.
    V0,
    /// tz4 with the augmented scheme.
    V1,
    /// tz4 with the proof-of-possession scheme.
    V2,
    /// The same, and ML-DSA-44, which this signer does not support. The default.
    #[default]
    V3,
    /// A version that this release does not support. Octez adds one when a protocol brings a new kind of signature, and existing
    /// kinds have not changed with it, so it is answered like [`Self::V3`].
    Newer(u64),
}

impl SignatureVersion {
    /// The scheme to sign with; `None` if the version cannot carry signatures of this curve.
    pub const fn scheme(self, curve: Curve) -> Option<BlsScheme> {
        match (self, curve) {
            (Self::V0, Curve::Bls) => None,
            (Self::V1, Curve::Bls) => Some(BlsScheme::Augmented),
            _ => Some(BlsScheme::ProofOfPossession),
        }
    }

    /// The scheme to verify with. Of a signature that the version cannot carry, it is the default.
    pub fn scheme_to_verify(self, curve: Curve) -> BlsScheme {
        self.scheme(curve).unwrap_or_default()
    }
}

impl fmt::Display for SignatureVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = match self {
            Self::V0 => 0,
            Self::V1 => 1,
            Self::V2 => 2,
            Self::V3 => 3,
            Self::Newer(number) => *number,
        };
        number.fmt(formatter)
    }
}

impl FromStr for SignatureVersion {
    type Err = InvalidVersion;

    /// Digits only, without leading zeros, as Octez writes it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
        let number: Result<u64, _> = if is_plain { text.parse() } else { return Err(InvalidVersion) };
        number.map(Self::from).map_err(|_| InvalidVersion)
    }
}

impl From<u64> for SignatureVersion {
    fn from(number: u64) -> Self {
        match number {
            0 => Self::V0,
            1 => Self::V1,
            2 => Self::V2,
            3 => Self::V3,
            newer => Self::Newer(newer),
        }
    }
}

/// A `version` that is not a number. The message leaves the text out: what was passed by mistake may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "invalid signature version: expected a whole number below 2^64 without sign or leading zeros, such as version=3"
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
            if let Ok(version) = expected {
                assert_eq!(version.to_string(), text);
            }
        }
    }
}
