//! The chain as a witness: compares what blocks show of the served keys with what was signed here.
//!
//! | module | |
//! | --- | --- |
//! | `node_reader` | reads blocks from a node |
//! | `receipts`, `dal_content` | the votes in a block, from the node's JSON |
//! | `header` | the header of a block, with its signature |
//! | `signed_bytes` | the bytes that were signed for a vote |
//! | `served` | the keys to look for |
//! | `sighting` | what a block shows of them |
//! | `majority` | what nodes report that cannot be verified |
//! | `response` | what to do about a sighting |
//!
//! All but `node_reader` are pure.

mod dal_content;
mod header;
mod majority;
mod node_reader;
mod receipts;
mod response;
mod served;
mod sighting;
mod signed_bytes;

pub use dal_content::{DalContent, NotANumber};
pub use header::{Header, InvalidHeader, SignedBlock};
pub use majority::{Reports, Standing, is_majority};
pub use node_reader::{NodeReader, ReadError};
pub use receipts::{Form, NotOperations, Receipt, Receipts, Voter, read as read_receipts};
pub use response::{Finding, OnForeignSignature, Response, SILENT_LEVELS, UnknownAction, respond};
pub use served::{Companions, ServedKeys};
pub use sighting::{Proof, Sighting, Sightings, Source, sightings};
pub use signed_bytes::{is_signed_by, signed_bytes};
