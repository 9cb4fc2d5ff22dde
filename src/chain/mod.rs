//! What Tezos nodes show of the chain: its head, its blocks, and the roles of keys; and the highest level that is possible according to
//! the clock.

pub mod blocks;
pub mod calendar;
pub mod checkpoints;
mod diagnostics;
mod head;
mod heads;
mod node;
mod proxy;
mod watch;

pub(crate) use diagnostics::Inspection;

pub use head::{HeadCheck, HeadUnknown, NotNear, ObservedHead, check};
pub use heads::{NodeHead, heads, highest_head};
pub use node::{InvalidNodeUrl, NodeError, NodeUrl};
pub use proxy::{Proxies, Proxy, UnusableProxy};
pub use watch::{HeadChange, HeadWatch, WatchSettings};
