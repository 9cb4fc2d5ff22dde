//! Shared by the vault and the mark store in Azure: the identity of the process, its tokens, and HTTP connections.

mod certificate_assertion;
mod identity;
mod identity_advice;
mod no_token;
mod pem;
mod reasons;
mod service_client;
mod tokens;

pub use identity::{Identity, IdentitySettings, ServicePrincipal};
pub use no_token::NoToken;
pub use pem::PemError;
pub(crate) use pem::PemFile;
pub(crate) use reasons::{plain_reason, plain_words, reason_of};
pub use service_client::{NoCertificates, ServiceClient, TlsRoots};
pub use tokens::{ScopedTokens, TokenState, Tokens};
