//! Shared by all clients of services: DNS, retries until a deadline, and backoff.

pub(crate) mod backoff;
pub(crate) mod dns;
pub(crate) mod retry;
