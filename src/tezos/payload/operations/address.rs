//! Addresses in operations.

use super::super::{DecodeError, Reader, Reason};
use crate::tezos::base58check::{self, Base58CheckError, Prefix};
use std::fmt;
use std::str::FromStr;

/// The account of a key: tz1 to tz5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account {
    prefix: Prefix,
    hash: [u8; 20],
}

/// By tag: 0 tz1, 1 tz2, 2 tz3, 3 tz4, 4 tz5.
const ACCOUNT_PREFIXES: [Prefix; 5] = [
    Prefix::Ed25519PublicKeyHash,
    Prefix::Secp256k1PublicKeyHash,
    Prefix::P256PublicKeyHash,
    Prefix::BlsPublicKeyHash,
    Prefix::MlDsa44PublicKeyHash,
];

impl Account {
    /// 21 bytes: tag and hash.
    pub(super) fn decode(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        let tag = reader.u8(field)?;
        let prefix = ACCOUNT_PREFIXES
            .get(usize::from(tag))
            .copied()
            .ok_or(DecodeError { offset, reason: Reason::UnknownTag { tag, of: "a public key hash" } })?;
        Ok(Self { prefix, hash: reader.array(field)? })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&base58check::encode(self.prefix, &self.hash))
    }
}

/// A recipient of tez: an account or a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Address {
    /// tz1 to tz5.
    Account(Account),
    /// KT1.
    Contract([u8; 20]),
}

impl Address {
    /// 22 bytes: `00` and 21 bytes of account, or `01`, 20 bytes of contract and `00`.
    pub(super) fn decode(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let offset = reader.offset();
        match reader.u8(field)? {
            0 => Account::decode(reader, field).map(Self::Account),
            1 => {
                let hash = reader.array(field)?;
                let offset = reader.offset();
                match reader.u8(field)? {
                    0 => Ok(Self::Contract(hash)),
                    found => Err(DecodeError {
                        offset,
                        reason: Reason::Unexpected { field, found: i64::from(found), expected: "0 after a contract" },
                    }),
                }
            }
            tag => Err(DecodeError { offset, reason: Reason::UnknownTag { tag, of: "an address" } }),
        }
    }
}

impl From<Account> for Address {
    fn from(account: Account) -> Self {
        Self::Account(account)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => account.fmt(formatter),
            Self::Contract(hash) => formatter.write_str(&base58check::encode(Prefix::Contract, hash)),
        }
    }
}

impl FromStr for Address {
    type Err = Base58CheckError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (prefix, bytes) = base58check::decode_any(text)?;
        let wrong = Base58CheckError::WrongPrefix {
            expected: "an address (tz1, tz2, tz3, tz4, tz5 or KT1)",
            found: prefix.name(),
        };
        let hash = bytes.as_slice().try_into().map_err(|_| wrong.clone())?;
        if prefix == Prefix::Contract {
            Ok(Self::Contract(hash))
        } else if ACCOUNT_PREFIXES.contains(&prefix) {
            Ok(Self::Account(Account { prefix, hash }))
        } else {
            Err(wrong)
        }
    }
}
