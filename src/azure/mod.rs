//! Shared by the vault and the mark store in Azure: the identity of the process, its tokens, and HTTP connections.

mod identity;
mod no_token;
mod reasons;
mod service_client;
mod tokens;

pub use identity::{Identity, IdentitySettings};
pub use no_token::NoToken;
pub(crate) use reasons::{plain_reason, plain_words, reason_of};
pub use service_client::{NoCertificates, ServiceClient, TlsRoots};
pub use tokens::{TokenState, Tokens};
