//! The identity of a mark store, as signers name it in their answers.

use crate::tezos::Digest;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The digest of a mark store's identity: the value of the header `x-signer-store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreDigest(Digest);

/// A text that is not the digest of a store's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected 64 hexadecimal digits, as in the header x-signer-store of a signer's answers")]
pub struct InvalidStoreDigest;

impl FromStr for StoreDigest {
    type Err = InvalidStoreDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| InvalidStoreDigest)
    }
}

impl fmt::Display for StoreDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
