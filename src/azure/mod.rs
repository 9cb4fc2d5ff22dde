//! What the vault and the mark store in Azure have in common: who the process is, its tokens, and its connections.

mod connections;
mod identity;
mod reasons;
mod tokens;

pub use connections::{Connections, NoCertificates, TlsRoots};
pub use identity::{Identity, IdentitySettings};
pub(crate) use reasons::{plain_reason, plain_words, reason_of};
pub use tokens::{NoToken, TokenState, Tokens};
