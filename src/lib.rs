//! A Tezos remote signer: parses what it is asked to sign, checks it, and never signs twice.
//!
//! Dependencies point one way: server → signer → {tezos, vault, marks, chain}.

pub mod marks;
pub mod tezos;
pub mod vault;
