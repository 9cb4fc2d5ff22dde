//! The head of the chain, as Tezos nodes tell it.

mod head;
mod node;
mod watch;

pub use head::{HeadCheck, HeadUnknown, NotNear, Seen, check};
pub use node::{NodeError, NodeUrl};
pub use watch::{HeadWatch, WatchSettings};
