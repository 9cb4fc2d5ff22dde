//! What a client signs to authenticate a signing request, and with which keys, as octez-signer defines it.

use super::{Curve, InvalidPublicKey, PublicKey, PublicKeyHash, SignatureText, SignatureVersion};
use std::str::FromStr;

/// A key whose owner may send signing requests.
#[derive(Debug, Clone)]
pub struct AuthorizedKey {
    /// Verifies the request's signature.
    pub public_key: PublicKey,
    /// The hash of `public_key`; `GET /authorized_keys` lists it.
    pub hash: PublicKeyHash,
}

impl FromStr for AuthorizedKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let public_key: PublicKey = text.parse()?;
        let hash = public_key.hash();
        Ok(Self { public_key, hash })
    }
}

/// The bytes that an authorized key signs: `0x04 || 0x01 || public key hash (21 bytes) || payload`
/// (`src/lib_signer_services/signer_messages.ml` in Octez). The signature has neither nonce nor time: it proves who
/// requested this payload, not when.
pub fn request_to_authenticate(key: &PublicKeyHash, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 + 21 + payload.len());
    bytes.extend_from_slice(&[0x04, 0x01]);
    bytes.extend_from_slice(&key.to_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// The key among `keys` that made `signature` over `request`, the bytes of [`request_to_authenticate`], as a client of this version
/// does. Takes milliseconds per tz4 key: see [`is_slow`].
pub fn find_requester(
    keys: &[AuthorizedKey],
    request: &[u8],
    version: SignatureVersion,
    signature: &SignatureText,
) -> Option<PublicKeyHash> {
    let has_signed = |key: &&AuthorizedKey| {
        let curve = key.public_key.curve();
        let signature = signature.of_curve(curve);
        signature.is_some_and(|signature| {
            key.public_key.verify(request, version.scheme_to_verify(curve), &signature).is_ok()
        })
    };
    keys.iter().find(has_signed).map(|key| key.hash)
}

/// Whether [`find_requester`] would delay other requests: then it runs on a separate thread.
pub fn is_slow(keys: &[AuthorizedKey]) -> bool {
    keys.iter().any(|key| key.public_key.curve() == Curve::Bls)
}
