//! Marks: what has been signed, so that nothing else is.

pub mod binding;
pub mod cosmos;
mod embedded;
pub mod interchange;
mod ledger;
mod mark;
mod plausible;
mod recording;
mod rule;
mod seen;
mod slots;
mod store;
mod unreadable;

pub use binding::{Binding, Bound, BoundElsewhere, Recreated, StoreId, StoreName};
pub use cosmos::{CosmosMarkStore, CosmosSettings};
pub use embedded::{EmbeddedMarkStore, Listing, OpenError};
pub use ledger::{Ledger, Raised};
pub use mark::{AttemptId, Mark, MarkId, Written};
pub use plausible::{Evidence, Implausible};
pub use recording::{NotRecorded, Recorded, Recording, Step};
pub use rule::{NotSafe, Request, Safe, decide, decide_among, depends_on_other_kinds, is_raised_by};
pub use seen::Seen;
pub use store::{Lost, MarkStore, StoreError, Stored, Version, WriteError};
pub use unreadable::{Found, Unreadable};
