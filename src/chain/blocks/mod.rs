//! Blocks, as nodes return them.
//!
//! | module | |
//! | --- | --- |
//! | `header` | the header of a block, with its signature. Pure |
//! | `receipts`, `dal_content` | the votes in a block. Pure |
//! | `node_reader` | reads both from a node |

mod dal_content;
mod header;
mod node_reader;
mod receipts;

pub use dal_content::{DalContent, NotANumber};
pub use header::{Header, InvalidHeader, SignedBlock};
pub use node_reader::{NodeReader, ReadError};
pub use receipts::{Form, NotOperations, Receipt, Receipts, Voter, read as read_receipts};
