//! Shared by the tests and benchmarks of several crates: an HTTP client that shows what is on the wire.

pub mod http;
