//! The head of the chain, as Tezos nodes tell it, and how high a level can be by the clock.

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
pub use node::{NodeError, NodeUrl};
pub use proxy::{Proxies, Proxy, UnusableProxy};
pub use watch::{HeadWatch, WatchSettings};
