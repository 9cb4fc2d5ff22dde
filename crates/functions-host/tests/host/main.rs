//! How the host treats requests, and handlers that end.
#![cfg(test)]

mod app;
mod handlers;
mod package;
mod requests;
