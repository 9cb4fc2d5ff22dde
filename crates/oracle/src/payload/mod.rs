//! Encodes payloads as a client sends them, byte by byte from the protocol's layouts.

pub mod consensus;
pub mod operations;
mod writer;

pub use writer::{natural, optional, signed_number, sized};

/// `NetXdQprcVkpaWU`, which also serves as a placeholder where a fresh chain id is written over it.
pub const MAINNET: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];
