//! Payloads, written byte by byte from the layouts of the protocol: what a client would send.

pub mod consensus;
pub mod operations;
mod writer;

pub use writer::{natural, optional, signed_number, sized};

/// `NetXdQprcVkpaWU`: what stands in the place of the chain, where a fresh one is written over it.
pub const MAINNET: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];
