//! Blocks, as nodes return them.
//!
//! | module | |
//! | --- | --- |
//! | `header` | the header of a block, with its signature. Pure |
//! | `receipts`, `dal_content` | the votes in a block. Pure |
//! | `node_reader` | reads both from a node |
//! | `read_blocks` | which blocks of a node have been read. Pure |
//! | `follower`, `followers` | read each new block of each node once, and hand it to all consumers |

mod dal_content;
mod follower;
mod followers;
mod header;
mod node_reader;
mod read_blocks;
mod receipts;

pub use dal_content::{DalContent, NotANumber};
pub use follower::{Block, BlockConsumer, WantedKeys};
pub use followers::Followers;
pub use header::{Header, InvalidHeader, SignedBlock};
pub use node_reader::{NodeReader, ReadError};
pub use receipts::{Form, NotOperations, Receipt, Receipts, Voter, read as read_receipts};
