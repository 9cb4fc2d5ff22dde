//! What a sealed key is for: its role, its chain, and the store of its marks.

use crate::marks::StoreIdentity;
use crate::tezos::ChainId;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What a tz4 key does for its baker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Signs blocks, preattestations and attestations.
    Consensus,
    /// Signs the same attestations as the consensus key, if they attest to DAL slots.
    Companion,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Consensus, Self::Companion];

    /// The name in a sealed key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Companion => "companion",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A text that is not the name of a role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?}: expected consensus or companion")]
pub struct UnknownRole(String);

/// What a sealed key is for. It is part of what is authenticated, so the key cannot be used for anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    role: Role,
    chain: ChainId,
    store: StoreIdentity,
}

impl Purpose {
    /// A key with this role on this chain, with its marks in this store.
    ///
    /// # Errors
    /// [`InvalidPurpose`] if the identity of the store is incomplete: another store could have the rest in common with it.
    pub fn new(role: Role, chain: ChainId, store: StoreIdentity) -> Result<Self, InvalidPurpose> {
        match &store {
            StoreIdentity::Container { rid, .. } if rid.is_empty() => return Err(InvalidPurpose::NoRid),
            StoreIdentity::Embedded { id } if !is_embedded_id(id) => return Err(InvalidPurpose::NotAnId),
            _ if store.parts().iter().any(|part| part.is_empty()) => return Err(InvalidPurpose::EmptyPart),
            _ => {}
        }
        Ok(Self { role, chain, store })
    }

    /// The role.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The only chain on which the key signs.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// The store of the key's marks.
    pub const fn store(&self) -> &StoreIdentity {
        &self.store
    }
}

fn is_embedded_id(id: &str) -> bool {
    const DIGITS: usize = 32;
    id.len() == DIGITS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The identity of a mark store is incomplete.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPurpose {
    /// A container without its `_rid`.
    #[error(
        "the container has no _rid, so one that is recreated under its name would have the same identity: deploy the database \
         first, then use the output of azurehsm-signer marks store --json"
    )]
    NoRid,
    /// The id of an embedded store is malformed.
    #[error("the id of an embedded store has 32 hexadecimal digits, in lower case")]
    NotAnId,
    /// Another part is empty.
    #[error("a name is empty: expected the output of azurehsm-signer marks store --json")]
    EmptyPart,
}
