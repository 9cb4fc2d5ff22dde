//! Payloads behind watermark byte 0x03: `branch (32) || contents` to the end (`operation_repr.ml`,
//! `unsigned_operation_encoding` of protocol 025).
//!
//! Contents carry no length, so each kind is decoded field by field, and the next content begins where the last one ends. A batch
//! consists of manager operations only. The layouts are in `manager` and `standalone`.

mod address;
mod kind;
mod manager;
mod outdated;
mod refutation;
mod standalone;

pub use address::{Account, Address};
pub use kind::{Entrypoint, OperationKind, UnknownOperationKind};
pub use outdated::OutdatedForm;

use super::error::{DecodeError, Reason};
use super::reader::Reader;
use crate::tezos::BlockHash;

/// The longest payload after `0x03`: 32 KiB (`constants_repr.ml`, `max_operation_data_length`).
pub const MAX_OPERATION_LENGTH: usize = 32 * 1024;

/// The operations of one payload: one content, or a batch of manager operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operations {
    /// The hash of the block that they are based on.
    pub branch: BlockHash,
    /// The contents, in order; never empty.
    pub contents: Vec<Content>,
}

/// One content, with the fields that policies depend on. Fields that a kind does not have are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The kind of operation.
    pub kind: OperationKind,
    /// The account that sends and pays.
    pub source: Option<Account>,
    /// The fee, in mutez.
    pub fee: Option<u64>,
    /// The mutez that leave the source: the amount of a transaction, or the balance of a new contract.
    pub amount: Option<u64>,
    /// The recipient of tez or tickets: of a transaction, a ticket transfer, or a drained delegate.
    pub destination: Option<Address>,
    /// The entrypoint that a transaction or a ticket transfer calls.
    pub entrypoint: Option<Entrypoint>,
    /// Who benefits without receiving a transfer: the delegate of a delegation or an origination, the contract whose storage is
    /// paid, the staker whose bond is returned.
    pub beneficiary: Option<Address>,
    /// The most bytes of new storage that the source pays for, saturating at [`u64::MAX`].
    pub storage_limit: Option<u64>,
    /// The bytes of storage that `increase_paid_storage` pays for, without sign, saturating at [`u64::MAX`].
    pub paid_storage: Option<u64>,
}

impl Content {
    /// A content of this kind without any fields.
    pub(crate) const fn new(kind: OperationKind) -> Self {
        Self {
            kind,
            source: None,
            fee: None,
            amount: None,
            destination: None,
            entrypoint: None,
            beneficiary: None,
            storage_limit: None,
            paid_storage: None,
        }
    }
}

impl Operations {
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.left() > MAX_OPERATION_LENGTH {
            let field = "the operation";
            return Err(reader.error(Reason::TooLong { field, length: reader.left(), limit: MAX_OPERATION_LENGTH }));
        }
        let branch = BlockHash::from_bytes(reader.array("the branch")?);
        if reader.is_at_end() {
            return Err(reader.error(Reason::NoContents));
        }
        let mut contents = Vec::with_capacity(1);
        let mut standalone = None;
        while !reader.is_at_end() {
            let offset = reader.offset();
            let (content, is_batchable) = decode_content(reader)?;
            if !is_batchable {
                standalone = standalone.or(Some((offset, content.kind)));
            }
            contents.push(content);
            if let (Some((offset, kind)), true) = (standalone, contents.len() > 1) {
                return Err(DecodeError { offset, reason: Reason::NotBatchable { name: kind.name() } });
            }
        }
        Ok(Self { branch, contents })
    }
}

/// One content, and whether it can be part of a batch.
fn decode_content(reader: &mut Reader<'_>) -> Result<(Content, bool), DecodeError> {
    let offset = reader.offset();
    let tag = reader.u8("the content tag")?;
    if let Some(kind) = manager::kind_of_tag(tag) {
        return manager::decode(reader, kind).map(|content| (content, true));
    }
    if let Some(kind) = standalone::kind_of_tag(tag) {
        return standalone::decode(reader, kind).map(|content| (content, false));
    }
    let unsupported = |name, reason| Reason::UnsupportedContent { tag, name, reason };
    let reason = match tag {
        20 | 21 | 23 | 30 | 31 | 40 | 41 => Reason::ConsensusContent { tag },
        150..=157 => unsupported("a transaction rollup operation", "these rollups were removed from Tezos"),
        250..=252 => unsupported("a zk rollup operation", "these rollups are not enabled on any network"),
        255 => unsupported("a signature prefix", "it occurs only in operations that are already signed"),
        _ => Reason::UnknownTag { tag, of: "an operation" },
    };
    Err(DecodeError { offset, reason })
}
