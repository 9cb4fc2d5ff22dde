//! The chain as a witness: what it costs to read a block.
//!
//! `cargo bench --bench witness`.
#![cfg(test)]
#![allow(missing_docs, reason = "a benchmark")]

mod blocks;

fn main() {
    blocks::measure();
}
