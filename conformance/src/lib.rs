//! Cases that any Tezos remote signer can be measured with, and the program that does it.
//!
//! The cases are the JSON files under `cases/`, for signers and languages of every kind; `README.md` tells how to read
//! them. Here is what writes them ([`tables`]), what asks a signer ([`run`]) and what says where it differs ([`report`]).
//! Nothing here depends on a signer: what is expected follows from the protocol, never from what a signer answered.

pub mod base58;
pub mod case;
pub mod crypto;
pub mod files;
pub mod hexadecimal;
pub mod payload;
pub mod profile;
pub mod report;
pub mod run;
pub mod tables;
