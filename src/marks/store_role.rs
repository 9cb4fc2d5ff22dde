//! What a mark store is for: to sign, or only to observe. A store never changes its role.
//!
//! An observer releases nothing, so its marks may lack what was signed elsewhere in the meantime. A signer that relied on them could
//! sign twice. The role is therefore part of the store in a way that earlier releases reject too: a container of an observer has
//! another partition key, which cannot be changed, and a file of an observer has another table.

use std::fmt;

/// What a store is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StoreRole {
    /// Its marks decide what is signed.
    #[default]
    Signing,
    /// Its marks are those of an observer (`OBSERVE=true`), and never permit a signature.
    Observing,
}

impl StoreRole {
    /// The path of the partition key of a container with this role.
    pub const fn partition_key(self) -> &'static str {
        match self {
            Self::Signing => "/pkh",
            Self::Observing => "/observed_pkh",
        }
    }

    /// The field of an item that has the value of the partition key.
    pub fn partition_field(self) -> &'static str {
        self.partition_key().trim_start_matches('/')
    }
}

impl fmt::Display for StoreRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signing => "a signer",
            Self::Observing => "an observer",
        })
    }
}
