//! What the host does with requests, and with handlers that end.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails panics")]

mod app;
mod handlers;
mod package;
mod requests;
