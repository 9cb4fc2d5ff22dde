//! A vault in memory with fixed keys, and an authorized client.

use async_trait::async_trait;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use azurehsm_signer::signer::Policy;
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::{BlsPublicKey, BlsScheme, Curve, Digest, PublicKey, Signature};
use azurehsm_signer::vault::{FoundKeys, Key, Vault, VaultError};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A policy that allows everything.
pub(super) static GENEROUS: LazyLock<Policy> = LazyLock::new(|| {
    r#"{"default": {"operations": ["any", "drain_delegate"], "packed_data": true, "proof_of_possession": true}}"#
        .parse()
        .unwrap()
});

/// Fixed keys with randomized signatures, like an HSM's. It signs with C libraries, which are not slowed down by instrumentation.
/// Its tz4 key cannot sign.
#[derive(Default)]
pub(super) struct MemoryVault {
    signatures: AtomicU64,
}

struct Keys {
    p256: EcdsaKeyPair,
    secp256k1: secp256k1::SecretKey,
    /// tz2, tz3, tz4, and a client's tz3, which is not in the vault.
    public: [Key; 4],
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let (pair, tz3) = p256("tz3", [7; 32]);
    let secp256k1 = secp256k1::SecretKey::from_secret_bytes([8; 32]).unwrap();
    let tz2 = secp256k1::PublicKey::from_secret_key(&secp256k1).serialize();
    let tz2 = Key::new("tz2".to_owned(), PublicKey::from_bytes(Curve::Secp256k1, &tz2).unwrap());
    let tz4 = "BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV";
    let tz4 = Key::new("tz4".to_owned(), tz4.parse().unwrap());
    Keys { p256: pair, secp256k1, public: [tz2, tz3, tz4, p256("client", [9; 32]).1] }
});

static CLIENT: LazyLock<EcdsaKeyPair> = LazyLock::new(|| p256("client", [9; 32]).0);

fn p256(name: &str, secret: [u8; 32]) -> (EcdsaKeyPair, Key) {
    let public = p256::ecdsa::SigningKey::from_slice(&secret).unwrap().verifying_key().to_sec1_point(false);
    let pair =
        EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &secret, public.as_bytes())
            .unwrap();
    let public = PublicKey::from_bytes(Curve::P256, public.compress().as_bytes()).unwrap();
    (pair, Key::new(name.to_owned(), public))
}

/// The keys of the vault, with the names used in scripts.
pub(super) fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.public.iter().take(3)
}

/// The authorized client's key.
pub(super) fn client() -> &'static Key {
    &KEYS.public[3]
}

/// The client's signature of a request.
pub(super) fn authenticate(key: &Key, payload: &[u8]) -> Signature {
    Signature::P256(sign_p256(&CLIENT, &request_to_authenticate(&key.hash, payload)))
}

fn sign_p256(pair: &EcdsaKeyPair, payload: &[u8]) -> [u8; 64] {
    let digest = Digest::of(payload);
    let digest = aws_lc_rs::digest::Digest::import_less_safe(digest.as_bytes(), &aws_lc_rs::digest::SHA256).unwrap();
    pair.sign_digest(&digest).unwrap().as_ref().try_into().unwrap()
}

#[async_trait]
impl Vault for MemoryVault {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        Ok(FoundKeys { usable: keys().cloned().collect(), unread: None, ..FoundKeys::default() })
    }

    async fn sign(&self, key: &Key, payload: &[u8], _: BlsScheme) -> Result<Signature, VaultError> {
        match key.curve() {
            Curve::P256 => Ok(Signature::P256(sign_p256(&KEYS.p256, payload))),
            Curve::Secp256k1 => {
                let message = secp256k1::Message::from_digest(*Digest::of(payload).as_bytes());
                let mut randomness = [0; 32];
                randomness[..8].copy_from_slice(&self.signatures.fetch_add(1, Ordering::Relaxed).to_be_bytes());
                let signature =
                    secp256k1::ecdsa::sign_with_noncedata(message, &KEYS.secp256k1, &randomness).serialize_compact();
                Signature::secp256k1(&signature).map_err(|error| VaultError::unable(error.to_string()))
            }
            _ => Err(VaultError::unable("tz4 signatures are too slow to fuzz".to_owned())),
        }
    }

    async fn prove_possession(&self, _: &Key, _: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        Err(VaultError::unable("tz4 signatures are too slow to fuzz".to_owned()))
    }
}
