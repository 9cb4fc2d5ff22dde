//! The signer in Azure, as the shipped binary, against doubles of Key Vault, Cosmos DB and managed identity over TLS. With
//! `SIGNER_PACKAGE` (`target/package/azurehsm-signer.zip`) it is the package behind a double of the Functions host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

#[path = "../support/package.rs"]
mod package;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "the tests of the embedded stores use the rest")]
mod support;

mod cloud;
mod end_to_end;
mod faults;
mod identity;
mod in_process;
mod instance;
mod keep_alive;
mod runner;
mod secrets;
mod two_bakers;
mod vault;
