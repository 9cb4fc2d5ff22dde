//! Marks: what has been signed, so that nothing else is.
//!
//! A mark is the high watermark of one key, chain and kind (block, preattestation, attestation), with the digest of the
//! payload signed there and, for a block, its signature.
//!
//! | module | |
//! | --- | --- |
//! | `rule` | whether a request may be signed, given the stored mark. Pure |
//! | `recording`, `subject`, `by_hand` | the state machine that checks and records one request, raise or stop. Pure |
//! | `ledger` | carries out the state machine's steps on a store |
//! | `stop`, `key_stops` | stops of a key: in its marks, and in one item of its own. Pure |
//! | `trail`, `version`, `signed_window` | what a mark knows of its past: the last signatures, and a chain of digests. Pure |
//! | `write_note` | what is known about a version that this process wrote |
//! | `mark_record` | the JSON form of items |
//! | `store` | what a store must do; `cosmos` and `embedded` are the two stores |
//! | `seen`, `slots`, `levels_seen` | what one process remembers of the marks |
//! | `binding` | which store guards a key |
//! | `identity` | what distinguishes a store from any other |
//! | `store_role` | whether a store is for signing or for observing |
//! | `plausible`, `unreadable` | what an operator may raise a mark to |
//! | `interchange` | files of marks: of this program, octez-signer and Signatory |

pub mod binding;
mod by_hand;
pub mod cosmos;
mod embedded;
mod identity;
pub mod interchange;
mod key_stops;
mod ledger;
mod levels_seen;
mod mark;
mod mark_record;
mod not_recorded;
mod plausible;
mod readback;
mod recording;
mod rule;
mod seen;
mod signed_window;
mod slots;
mod stop;
mod stops_met;
mod store;
mod store_call;
mod store_role;
mod subject;
mod trail;
mod unreadable;
mod version;
mod write_note;

pub use binding::{Binding, Bound, BoundElsewhere, Recreated, StoreId, StoreName};
pub use by_hand::{LiftStops, Lifted, MarkStopped, Raise, Raised, StopMark};
pub use cosmos::{CosmosMarkStore, CosmosSettings};
pub use embedded::{EmbeddedMarkStore, Listing, OpenError};
pub use identity::StoreIdentity;
pub use key_stops::{KeyStops, StoredStops, key_of_stop_item, stop_item_name};
pub use ledger::{KeyStopped, Ledger};
pub use levels_seen::LevelSeen;
pub use mark::{AttemptId, InvalidMarkId, Mark, MarkId, Written};
pub use not_recorded::{NotRecorded, TooManyChains};
pub use plausible::{Evidence, Implausible};
pub use recording::{Recording, Step};
pub use rule::{NotSafe, Request, Safe, decide, decide_among, depends_on_other_kinds, is_raised_by, may_follow};
pub use seen::Seen;
pub use signed_window::{InvalidWindow, Lookup, ShortDigest, SignedWindow};
pub use stop::{STOPPED_AT, SeenOnChain, Stop, StopId, Stopped};
pub use store::{Lost, MarkStore, Rejection, StoreError, Stored, Version, WriteError};
pub use store_role::StoreRole;
pub use subject::{BlockRecorded, BlockRequest, VoteOrBlock, VoteRecorded, VoteRequest};
pub use trail::{Trail, version_digest};
pub use unreadable::{Found, Unreadable};
pub use version::MarkVersion;
pub use write_note::{Place, WriteNote, WriteObserver};
