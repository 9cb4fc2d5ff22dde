//! Companion keys: which consensus key has one, and the signatures that came with the consensus key's.
//!
//! Octez requests the companion's signature of the same bytes only after the consensus key's answer. The signer makes both for one
//! request, in that order, and the relay answers the second request from memory.

use super::settings::CompanionPair;
use crate::tezos::payload::{Kind, Payload};
use crate::tezos::{BlsScheme, Curve, Digest, PublicKeyHash, Signature, SignatureVersion};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a companion's signature is kept: octez requests it within milliseconds.
const KEPT_FOR: Duration = Duration::from_secs(10);

/// Signatures that are kept: more than all keys of a baker vote in that time.
const MAX_KEPT: usize = 1024;

/// The pairs of keys, and the signatures that came early.
pub(super) struct Companions {
    pairs: Vec<CompanionPair>,
    kept: Mutex<HashMap<Wanted, Kept>>,
}

/// A signature that octez may request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) key: PublicKeyHash,
    pub(super) payload: Digest,
    pub(super) scheme: BlsScheme,
}

impl Wanted {
    /// The signature of `payload` that a client of this version requests.
    pub(super) fn new(key: PublicKeyHash, payload: &[u8], version: SignatureVersion) -> Self {
        Self { key, payload: Digest::of(payload), scheme: version.scheme_to_verify(key.curve()) }
    }
}

struct Kept {
    signature: Signature,
    until: Instant,
}

impl Companions {
    pub(super) fn new(pairs: Vec<CompanionPair>) -> Self {
        Self { pairs, kept: Mutex::default() }
    }

    /// All keys of the pairs.
    pub(super) fn keys(&self) -> impl Iterator<Item = PublicKeyHash> {
        self.pairs.iter().flat_map(|pair| [pair.consensus, pair.companion])
    }

    /// Whether the signatures of this key may come early.
    pub(super) fn is_companion(&self, key: &PublicKeyHash) -> bool {
        self.pairs.iter().any(|pair| pair.companion == *key)
    }

    /// The companion of a key that is to sign this payload: an attestation in the form of tz4 keys, which octez has both sign.
    pub(super) fn of(&self, key: &PublicKeyHash, payload: &[u8]) -> Option<PublicKeyHash> {
        let pair = self.pairs.iter().find(|pair| pair.consensus == *key)?;
        let payload = Payload::decode(payload, Curve::Bls).ok()?.consensus()?;
        (payload.kind == Kind::Attestation).then_some(pair.companion)
    }

    /// Keeps a verified signature.
    pub(super) fn keep(&self, wanted: Wanted, signature: Signature) {
        let now = Instant::now();
        let mut kept = self.kept();
        kept.retain(|_, kept| kept.until > now);
        if kept.len() < MAX_KEPT {
            kept.insert(wanted, Kept { signature, until: now + KEPT_FOR });
        }
    }

    /// The signature, if it came within the last seconds.
    pub(super) fn kept_signature(&self, wanted: &Wanted) -> Option<Signature> {
        self.kept().get(wanted).filter(|kept| kept.until > Instant::now()).map(|kept| kept.signature)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Wanted, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::SecretKey;

    #[tokio::test(start_paused = true)]
    async fn a_signature_is_kept_for_ten_seconds_and_for_its_own_request() {
        let secret = SecretKey::generate(Curve::Bls).unwrap();
        let key = secret.public_key().hash();
        let scheme = BlsScheme::ProofOfPossession;
        let signature = secret.sign(b"vote", scheme).unwrap();
        let wanted = Wanted { key, payload: Digest::of(b"vote"), scheme };
        let companions = Companions::new(Vec::new());
        companions.keep(wanted, signature);
        let other_payload = Wanted { payload: Digest::of(b"another"), ..wanted };
        let other_scheme = Wanted { scheme: BlsScheme::Augmented, ..wanted };
        let other_key = SecretKey::generate(Curve::Bls).unwrap().public_key().hash();
        for (wanted, expected) in [
            (wanted, Some(signature)),
            (wanted, Some(signature)),
            (other_payload, None),
            (other_scheme, None),
            (Wanted { key: other_key, ..wanted }, None),
        ] {
            assert_eq!(companions.kept_signature(&wanted), expected, "{wanted:?}");
        }
        tokio::time::advance(KEPT_FOR).await;
        assert_eq!(companions.kept_signature(&wanted), None);
    }
}
