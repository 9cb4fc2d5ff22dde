//! What the host does with requests, and with handlers that end.
#![cfg(test)]

mod app;
mod handlers;
mod package;
mod requests;
