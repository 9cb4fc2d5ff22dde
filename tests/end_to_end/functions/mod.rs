//! The signer as a function app: its files, its package, and what becomes of it at the host.
//!
//! The package is that of `SIGNER_PACKAGE`, or else one with the debug build. What only the real package can show is
//! ignored unless it is asked for: `SIGNER_PACKAGE=target/package/azurehsm-signer.zip cargo test --workspace --test end_to_end
//! functions:: -- --include-ignored`.

mod at_the_host;
mod hosted;
mod kill_and_scale;
mod the_app;
mod the_package;
