//! The chain as a witness: compares what blocks show of the served keys with what was signed here.
//!
//! ```text
//! new head ─▶ header and votes of the block ─▶ by a served key, and believed? ─▶ signed here? ─▶ if not: stop the key, and raise its mark
//! ```
//!
//! | module | |
//! | --- | --- |
//! | `tasks` | starts what runs in the background |
//! | `examiner` | looks at each block of a node |
//! | `signed_bytes` | the bytes that were signed for a vote. Pure |
//! | `served`, `delegates` | the keys to look for, and the delegates that they sign for. Pure |
//! | `sighting` | what a block shows of the keys. Pure |
//! | `majority` | what nodes report that cannot be verified. Pure |
//! | `comparison` | a sighting compared with the marks. Pure |
//! | `response` | what to do about a sighting. Pure |
//! | `judge`, `open_sightings` | reads the marks, and judges each sighting once |
//! | `enforcement` | stops keys, keeps them silent, raises alerts |
//! | `slashing_watch`, `slashing_response`, `denunciations` | whether a delegate was denounced |
//!
//! Signing never waits for any of this.

mod comparison;
mod delegates;
mod denunciations;
mod enforcement;
mod examiner;
mod judge;
mod majority;
mod open_sightings;
mod response;
mod served;
mod sighting;
mod signed_bytes;
mod slashing_response;
mod slashing_watch;
mod tasks;

pub use comparison::{KeyMarks, compare};
pub use denunciations::{Charge, DelegateReport, Denunciation, charges};
pub use majority::{Reports, Standing, is_majority};
pub use response::{Finding, OnForeignSignature, Response, SILENT_LEVELS, UnknownAction, respond};
pub use served::{Companions, ServedKeys};
pub use sighting::{Proof, Sighting, Sightings, Source, sightings};
pub use signed_bytes::{is_signed_by, signed_bytes};
pub use tasks::{Witness, WitnessSettings};
