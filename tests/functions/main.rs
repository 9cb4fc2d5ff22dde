//! The signer as a function app: its files, its package, and what becomes of it at the host.
//!
//! The package is that of `SIGNER_PACKAGE`, or else one with the debug build. What only the real package can show is
//! ignored unless it is asked for: `SIGNER_PACKAGE=target/package/azurehsm-signer.zip cargo test --test functions --
//! --include-ignored`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]

#[path = "../azure/cloud.rs"]
#[allow(dead_code, reason = "the tests of Azure use the rest")]
mod cloud;
#[path = "../support/package.rs"]
mod package;
#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod support;

mod at_the_host;
mod hosted;
mod kill_and_scale;
mod the_app;
mod the_package;
