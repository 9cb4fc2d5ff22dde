//! Conformance cases for Tezos remote signers, and the program that runs them against one.
//!
//! The cases are JSON files under `cases/`, for signers in any language; `README.md` explains their format. This crate generates
//! them ([`tables`]), runs them against a signer ([`run`]) and reports the differences ([`report`]). It depends on no signer:
//! expectations follow from the protocol, never from what a signer answered.

pub mod case;
pub mod files;
pub mod hexadecimal;
pub mod profile;
pub mod report;
pub mod run;
pub mod tables;

pub use oracle::{base58, crypto, payload};
