//! The head of the chain, as Tezos nodes tell it.

mod head;
mod inspection;
mod node;
mod proxy;
mod watch;

pub(crate) use inspection::Inspection;

pub use head::{HeadCheck, HeadUnknown, NotNear, Seen, check};
pub use node::{NodeError, NodeUrl};
pub use proxy::{Proxies, Proxy, UnusableProxy};
pub use watch::{HeadWatch, WatchSettings};
