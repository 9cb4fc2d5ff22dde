//! Shared by all clients of services: DNS, retries until a deadline, and backoff.

pub(crate) mod backoff;
mod call_counts;
pub(crate) mod dns;
pub(crate) mod loopback_http;
pub(crate) mod retry;

pub use call_counts::CallCounts;
