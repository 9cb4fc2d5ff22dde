//! A signing request, as the server hands it to the signer.

use crate::tezos::{PublicKeyHash, SignatureVersion};
use crate::traces::TraceParent;
use tokio::time::Instant;

/// A signing request.
#[derive(Debug, Clone)]
pub struct SignRequest {
    /// The hash of the key to sign with.
    pub key: PublicKeyHash,
    /// The bytes to sign, watermark byte first.
    pub payload: Vec<u8>,
    /// The newest signature format that the client reads.
    pub version: SignatureVersion,
    /// The client's signature of the request, if it sent one.
    pub authentication: Option<String>,
    /// When the verdict is due.
    pub deadline: Instant,
    /// The Functions host's invocation id, for the log.
    pub invocation: Option<String>,
    /// The client's span, if it named one.
    pub parent: Option<TraceParent>,
}
