//! Identifiers of chains, blocks, operations and protocols.

use super::base58check::{self, Base58CheckError, Prefix};
use std::fmt;
use std::str::FromStr;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $prefix:expr, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $length]);

        impl $name {
            /// The identifier with these bytes.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&base58check::encode($prefix, &self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = Base58CheckError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let bytes = base58check::decode($prefix, text)?;
                let bytes = bytes.as_slice().try_into().map_err(|_| Base58CheckError::UnknownPrefix)?;
                Ok(Self(bytes))
            }
        }
    };
}

identifier! {
    /// The four bytes that identify a chain, `Net…` as text. Mainnet is `NetXdQprcVkpaWU`, `7a06a770`.
    ChainId, Prefix::ChainId, 4
}

impl ChainId {
    /// Mainnet.
    pub const MAINNET: Self = Self::from_bytes([0x7a, 0x06, 0xa7, 0x70]);
}

identifier! {
    /// The hash of a block, `B…` as text.
    BlockHash, Prefix::BlockHash, 32
}

identifier! {
    /// The hash of a block's content, which votes are about, `vh…` as text. A block that is proposed again keeps it.
    BlockPayloadHash, Prefix::BlockPayloadHash, 32
}

identifier! {
    /// The hash of an operation, `o…` as text.
    OperationHash, Prefix::OperationHash, 32
}

identifier! {
    /// The hash of a protocol, `P…` as text.
    ProtocolHash, Prefix::Protocol, 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_ids_of_known_networks() {
        for (text, bytes) in [
            ("NetXdQprcVkpaWU", [0x7a, 0x06, 0xa7, 0x70]),
            ("NetXnHfVqm9iesp", [0xaf, 0x18, 0x64, 0xd9]),
            ("NetXsqzbfFenSTS", [0xd0, 0x52, 0x21, 0x8e]),
        ] {
            assert_eq!(ChainId::from_bytes(bytes).to_string(), text);
            assert_eq!(text.parse::<ChainId>().unwrap(), ChainId::from_bytes(bytes));
        }
    }
}
