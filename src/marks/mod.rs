//! Marks: what has been signed, so that nothing else is.
//!
//! A mark is the high watermark of one key, chain and kind (block, preattestation, attestation), with the digest of the
//! payload signed there and, for a block, its signature.
//!
//! | module | |
//! | --- | --- |
//! | `rule` | whether a request may be signed, given the stored mark. Pure |
//! | `recording`, `subject` | the state machine that checks and records one request. Pure |
//! | `ledger` | carries out the state machine's steps on a store |
//! | `store` | what a store must do; `cosmos` and `embedded` are the two stores |
//! | `seen`, `slots`, `levels_seen` | what one process remembers of the marks |
//! | `binding` | which store guards a key |
//! | `identity` | what distinguishes a store from any other |
//! | `plausible`, `unreadable` | what an operator may raise a mark to |
//! | `interchange` | files of marks: of this program, octez-signer and Signatory |

pub mod binding;
pub mod cosmos;
mod embedded;
mod identity;
pub mod interchange;
mod ledger;
mod levels_seen;
mod mark;
mod not_recorded;
mod plausible;
mod recording;
mod rule;
mod seen;
mod slots;
mod store;
mod subject;
mod unreadable;

pub use binding::{Binding, Bound, BoundElsewhere, Recreated, StoreId, StoreName};
pub use cosmos::{CosmosMarkStore, CosmosSettings};
pub use embedded::{EmbeddedMarkStore, Listing, OpenError};
pub use identity::StoreIdentity;
pub use ledger::Ledger;
pub use levels_seen::LevelSeen;
pub use mark::{AttemptId, InvalidMarkId, Mark, MarkId, Written};
pub use not_recorded::{NotRecorded, TooManyChains};
pub use plausible::{Evidence, Implausible};
pub use recording::{Recording, Step};
pub use rule::{NotSafe, Request, Safe, decide, decide_among, depends_on_other_kinds, is_raised_by};
pub use seen::Seen;
pub use store::{Lost, MarkStore, Rejection, StoreError, Stored, Version, WriteError};
pub use subject::{BlockRecorded, BlockRequest, Raise, Raised, VoteOrBlock, VoteRecorded, VoteRequest};
pub use unreadable::{Found, Unreadable};
