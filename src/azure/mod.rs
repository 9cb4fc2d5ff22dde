//! What the vault and the mark store in Azure have in common: who the process is, its tokens, and its connections.

mod identity;
mod reasons;
mod service_client;
mod tokens;

pub use identity::{Identity, IdentitySettings};
pub(crate) use reasons::{plain_reason, plain_words, reason_of};
pub use service_client::{NoCertificates, ServiceClient, TlsRoots};
pub use tokens::{NoToken, TokenState, Tokens};
