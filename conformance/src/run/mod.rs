//! Runs cases against a signer and compares the answers.

mod client;
mod compare;
mod context;
mod exchange;
mod options;
mod outcome;
mod request;
mod single;
mod steps;
mod suite;
mod web;

pub use client::{Client, ClientError, Response};
pub use compare::{expect_public_key, expect_signature, octez_errors};
pub use options::{Options, Pattern, Restart, Strictness, Target, elsewhere};
pub use outcome::{CaseReport, Difference, Outcome};
pub use suite::run;
