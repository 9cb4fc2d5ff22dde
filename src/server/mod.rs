//! HTTP: connections, routes and bodies, and the mapping of verdicts to answers. What may be signed is decided elsewhere.

mod answer_headers;
mod body;
mod connections;
mod error_response;
mod invalid;
mod log_limit;
mod path;
mod routes;

pub use connections::{ConnectionLimits, serve};
pub use routes::{ServerSettings, router};

/// The longest request body: an operation of 32 KiB takes 64 KiB of hexadecimal digits.
pub const MAX_BODY_BYTES: usize = 128 * 1024;
