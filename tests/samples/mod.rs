//! Keys and payloads to decode, written from Octez's own layouts and vectors and not from the decoder.

pub(crate) mod keys;
pub(crate) mod operations;
pub(crate) mod votes_and_blocks;
