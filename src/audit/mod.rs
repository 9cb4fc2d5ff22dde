//! The history of what was signed: one line for each version of a mark, chained by digests.
//!
//! The service appends the lines to a container of append blobs, off the path of requests, if there is one. `audit export` collects
//! them, and `audit verify` checks the chain.

mod blobs;
mod chain;
mod from_log;
mod line;
mod queue;
mod verify;
mod writer;

pub(crate) use blobs::SCOPE;
pub use blobs::{BlobError, Container, ContainerUrl, InvalidContainerUrl};
pub use from_log::lines_of_log;
pub use line::{Line, LineError, VersionLine};
pub use queue::Queue;
pub use verify::{Finding, Report, Severity, verify};
pub use writer::Writer;
