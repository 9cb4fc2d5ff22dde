//! Shared by the tests: payloads, stand-ins for vault, mark store and node, and processes of the program.

pub(crate) mod disk;
pub(crate) mod eventually;
pub(crate) mod http;
pub(crate) mod marks;
pub(crate) mod memory;
pub(crate) mod node;
pub(crate) mod package;
pub(crate) mod payloads;
pub(crate) mod process;
pub(crate) mod rsa_keys;
pub(crate) mod tz4;
pub(crate) mod vault;
