//! What tests and benchmarks of several crates share: an HTTP client that shows what is on the wire.

pub mod http;
