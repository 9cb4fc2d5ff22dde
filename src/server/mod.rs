//! HTTP: connections, routes and bodies, and the mapping of verdicts to answers. What may be signed is decided elsewhere.

mod answer_headers;
mod arguments;
mod body;
mod client_certificates;
mod connections;
mod error_response;
mod invalid;
mod log_limit;
mod path;
mod routes;
mod scrape;

pub(crate) use arguments::{PossessionQuery, SignQuery, hash_in_path, understood};
pub(crate) use body::{LargeBodies, NotRead, payload as read_payload};
pub use client_certificates::{ClientCertificates, InvalidThumbprint, Thumbprint};
pub(crate) use connections::Arrival;
pub use connections::{ConnectionLimits, OpenConnections, serve};
pub(crate) use error_response::ErrorResponse;
pub(crate) use invalid::InvalidRequest;
pub(crate) use log_limit::warn_of_clients;
pub(crate) use path::without_empty_segments;
pub(crate) use routes::without_route;
pub use routes::{ServerSettings, router};
pub use scrape::serve_metrics;

/// The longest request body: an operation of 32 KiB takes 64 KiB of hexadecimal digits.
pub const MAX_BODY_BYTES: usize = 128 * 1024;
