//! The signer as a function app: its files, its package, and its behaviour in the host.
//!
//! The package is that of `SIGNER_PACKAGE`, or else one with the debug build. Tests that need the real package are ignored by
//! default: `SIGNER_PACKAGE=target/package/azurehsm-signer.zip cargo test --workspace --test end_to_end functions:: --
//! --include-ignored`.

mod at_the_host;
mod hosted;
mod kill_and_scale;
mod the_app;
mod the_package;
