//! What the tests share: payloads to be signed, stand-ins for vault, mark store and node, and the program as a process.

pub(crate) mod disk;
pub(crate) mod eventually;
pub(crate) mod http;
pub(crate) mod marks;
pub(crate) mod node;
pub(crate) mod package;
pub(crate) mod payloads;
pub(crate) mod process;
pub(crate) mod vault;
