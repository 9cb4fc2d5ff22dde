//! Operations, with watermark byte 0x03 (Octez, `operation_repr.ml` of protocol 025): `branch (32) || contents`.

use super::{natural, optional, sized};
use crate::base58::{BLOCK, CONTRACT, ML_DSA_44_HASH};
use crate::crypto::Curve;

/// The branch: the block that an operation builds on.
pub const BRANCH: [u8; 32] = [0xb7; 32];

/// Offset of the contents: after the watermark byte and the branch.
pub const CONTENTS_AT: usize = 33;

/// The branch as text.
pub fn branch_text() -> String {
    BLOCK.encode(&BRANCH)
}

/// Encodes a payload with these contents.
pub fn payload(contents: &[Vec<u8>]) -> Vec<u8> {
    [vec![0x03], BRANCH.to_vec(), contents.concat()].concat()
}

/// An account, tz1 to tz5, whose hash repeats one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Tag of the curve, 0 to 4.
    pub tag: u8,
    /// The byte that fills the hash.
    pub fill: u8,
}

/// A tz1.
pub const TZ1: Account = Account { tag: 0, fill: 0x11 };
/// A tz2.
pub const TZ2: Account = Account { tag: 1, fill: 0x22 };
/// A tz3.
pub const TZ3: Account = Account { tag: 2, fill: 0x33 };
/// A tz4.
pub const TZ4: Account = Account { tag: 3, fill: 0x44 };
/// A tz5: no signer here has its key, but tez can be sent to it.
pub const TZ5: Account = Account { tag: 4, fill: 0x55 };
/// One of each.
pub const ACCOUNTS: [Account; 5] = [TZ1, TZ2, TZ3, TZ4, TZ5];

impl Account {
    /// Encodes it: 21 bytes.
    pub fn bytes(self) -> Vec<u8> {
        [vec![self.tag], vec![self.fill; 20]].concat()
    }

    /// The text: `tz1…` to `tz5…`.
    pub fn text(self) -> String {
        let prefix = Curve::ALL.into_iter().find(|curve| curve.tag() == self.tag).map_or(ML_DSA_44_HASH, Curve::hash);
        prefix.encode(&[self.fill; 20])
    }
}

/// A destination of tez.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// An account.
    Account(Account),
    /// A contract, whose hash repeats one byte.
    Contract(u8),
}

/// A contract.
pub const KT1: Address = Address::Contract(0x66);

impl Address {
    /// Encodes it: 22 bytes.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Account(account) => [vec![0x00], account.bytes()].concat(),
            Self::Contract(fill) => [vec![0x01], vec![fill; 20], vec![0x00]].concat(),
        }
    }

    /// The text: `tz1…` to `tz5…`, or `KT1…`.
    pub fn text(self) -> String {
        match self {
            Self::Account(account) => account.text(),
            Self::Contract(fill) => CONTRACT.encode(&[fill; 20]),
        }
    }
}

/// The header fields of a manager operation.
#[derive(Debug, Clone, Copy)]
pub struct Manager {
    /// The account that signs and pays.
    pub source: Account,
    /// Fee, in mutez.
    pub fee: u64,
}

/// A manager operation: tag, source, fee, counter, gas limit, storage limit, and the fields of its kind.
pub fn manager(tag: u8, by: Manager, rest: &[u8]) -> Vec<u8> {
    manager_with_storage(tag, by, 0, rest)
}

/// The same, with a storage limit.
pub fn manager_with_storage(tag: u8, by: Manager, storage_limit: u128, rest: &[u8]) -> Vec<u8> {
    [
        vec![tag],
        by.source.bytes(),
        natural(by.fee.into()),
        natural(71_000_000),
        natural(1_040_000),
        natural(storage_limit),
        rest.to_vec(),
    ]
    .concat()
}

/// A call of an entrypoint, to be encoded with a Micheline expression.
#[derive(Debug, Clone, Copy)]
pub enum Call<'a> {
    /// An entrypoint with a byte of its own (`entrypoint_repr.ml`, `smart_encoding`).
    Known(u8),
    /// An entrypoint by name.
    Named(&'a str),
}

/// The entrypoints with a byte of their own, in that order.
pub const KNOWN_ENTRYPOINTS: [&str; 10] = [
    "default",
    "root",
    "do",
    "set_delegate",
    "remove_delegate",
    "deposit",
    "stake",
    "unstake",
    "finalize_unstake",
    "set_delegate_parameters",
];

/// `Unit`.
pub const UNIT: [u8; 2] = [0x03, 0x0b];

impl Call<'_> {
    fn bytes(self, parameter: &[u8]) -> Vec<u8> {
        let entrypoint = match self {
            Self::Known(tag) => vec![tag],
            Self::Named(name) => {
                let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
                [vec![0xff, length], name.as_bytes().to_vec()].concat()
            }
        };
        [entrypoint, sized(parameter)].concat()
    }
}

/// The fields of a transaction: amount, destination, and parameters if any.
pub fn transaction(amount: u64, to: Address, call: Option<Call<'_>>) -> Vec<u8> {
    [natural(amount.into()), to.bytes(), optional(call.map(|call| call.bytes(&UNIT)))].concat()
}

/// A transfer of `amount` mutez.
pub fn transfer(by: Manager, amount: u64, to: Address) -> Vec<u8> {
    manager(108, by, &transaction(amount, to, None))
}

/// `drain_delegate`.
pub fn drain(consensus_key: Account, delegate: Account, destination: Account) -> Vec<u8> {
    [vec![9], consensus_key.bytes(), delegate.bytes(), destination.bytes()].concat()
}

/// `failing_noop` with a message.
pub fn message(text: &[u8]) -> Vec<u8> {
    [vec![17], sized(text)].concat()
}
