//! A Tezos remote signer: decodes each payload, checks it, and never signs twice.
//!
//! # The path of a request
//!
//! [`server`] receives `POST /keys/{public key hash}` and passes the payload to [`signer::Signer::sign`], which
//!
//! 1. finds the key, in memory or by a search of the [`vault`];
//! 2. authenticates the request, where that is required;
//! 3. decodes the payload ([`tezos::payload`]);
//! 4. applies the [policy](signer::policy) of the key;
//! 5. checks that the key is bound to the mark store in use ([`marks::binding`]);
//! 6. checks the level against the head of the [`chain`];
//! 7. records the high watermark ([`marks`]), signs, verifies the signature, and releases it.
//!
//! Steps 5 and 6, and the watermark in step 7, are for blocks and votes only; operations and packed data carry no level.
//!
//! A verdict other than *signed* is [refused](signer::Refusal), which is final, or [failed](signer::Failure), which may be retried.
//!
//! # Invariants
//!
//! `docs/safety.md` lists them all, with the tests for each.
//!
//! * A signature of a block or a vote is released only after a mark that covers it has been written durably.
//! * For one key, chain, kind, level and round, at most one payload is ever signed, and for a block at most one signature released.
//! * Marks only rise. Positions below the mark are refused.
//! * In case of doubt, nothing is released: a lost answer, an unknown head or an unreadable tag is a failure.
//! * Nothing that marks or policy depend on is signed without being decoded.
//!
//! # Modules
//!
//! Dependencies point one way; a module may use those below it.
//!
//! | module | purpose | may use |
//! | --- | --- | --- |
//! | `main`, `cli` | the command line and the life of the process | all |
//! | [`doctor`] | checks of a deployment | all but `cli` and [`server`] |
//! | [`status`] | one screen of what runs | all but `cli` and [`server`] |
//! | [`server`] | HTTP | [`signer`] and below |
//! | [`wiring`] | builds vault and mark store from settings | [`settings`] and below |
//! | [`settings`] | environment variables | [`relay`], [`witness`] and below |
//! | [`relay`] | forwards requests to signers elsewhere | the HTTP parts of [`server`], [`traces`] and below |
//! | [`witness`] | compares what the chain shows with what was signed | [`signer`] and below |
//! | [`signer`] | the path of a request | [`traces`], [`metrics`], [`participation`], [`vault`], [`marks`], [`chain`], [`tezos`] |
//! | [`traces`] | OpenTelemetry: the span of a request, and where it goes | [`metrics`] and below |
//! | [`metrics`] | OpenTelemetry: what is recorded, and where it goes | [`participation`], [`otlp`] and below |
//! | [`participation`] | which votes and blocks are on chain, and why the others are not | [`marks`], [`chain`], [`tezos`] |
//! | [`audit`] | the history of signatures | [`marks`] and below |
//! | [`vault`] | keys | [`marks`] and below |
//! | [`marks`] | high watermarks | [`chain`] and below |
//! | [`chain`] | heads and blocks of chains, from nodes | [`azure`] and below |
//! | [`otlp`] | pushes by OTLP over HTTP | [`azure`] and below |
//! | [`azure`] | identities, tokens and clients for Azure | `net` |
//! | `net` | DNS, retries and backoff | – |
//! | [`tezos`] | formats; pure | `secret_memory` |
//!
//! Any module may use the small ones: [`answer`], [`background`], [`links`], [`lock_holder`], [`log`], [`text`], `json`,
//! `secret_memory` and [`FailureReason`].
//!
//! [`marks::decide`] is the rule that decides what may be signed, and [`marks::Recording`] the state machine that records it. Both
//! are pure: tests and the model call them directly.

pub mod answer;
pub mod audit;
pub mod azure;
pub mod background;
pub mod chain;
pub mod doctor;
pub mod events;
mod failure_reason;
pub mod functions_host;
mod json;
pub mod links;
pub mod lock_holder;
pub mod log;
pub mod marks;
pub mod metrics;
mod net;
pub mod otlp;
pub mod participation;
pub mod relay;
mod secret_memory;
pub mod server;
pub mod settings;
pub mod signer;
pub mod status;
pub mod text;
pub mod tezos;
pub mod traces;
pub mod vault;
pub mod wiring;
pub mod witness;

pub use failure_reason::FailureReason;

// For mutation testing, see `tests/mutants/library.rs`.
#[cfg(test)]
#[cfg(feature = "mutants")]
extern crate self as azurehsm_signer;
#[cfg(test)]
#[cfg(feature = "mutants")]
#[path = "../tests/mutants/library.rs"]
mod mutants;
#[cfg(test)]
#[cfg(feature = "mutants")]
use mutants::{reading, samples, support};
