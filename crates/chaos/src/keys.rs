//! The keys in the vault, of which this program knows both halves, and the key with which bakers authenticate requests.

use blake2::digest::consts::U20;
use blake2::{Blake2b, Blake2b256, Digest};
use crrl::{ed25519, p256, secp256k1};
use stand_ins::{Curve, NewKey};
use std::sync::Arc;

/// A key in the vault.
#[derive(Debug, Clone)]
pub(crate) struct BakerKey {
    /// Its address, tz2… or tz3….
    pub(crate) address: Arc<str>,
    /// Whose verification the judge needs.
    pub(crate) public_key: PublicKey,
    hash: [u8; 20],
    secret: [u8; 32],
}

/// The public half of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Of tz3: a compressed point.
    P256([u8; 33]),
    /// Of tz2: a compressed point.
    Secp256k1([u8; 33]),
}

const TZ2: [u8; 3] = [0x06, 0xa1, 0xa1];
const TZ3: [u8; 3] = [0x06, 0xa1, 0xa4];
const EDPK: [u8; 4] = [0x0d, 0x0f, 0x25, 0xd9];
const EDSIG: [u8; 5] = [0x09, 0xf5, 0xcd, 0x86, 0x12];

impl BakerKey {
    /// Keys of both curves in turn; `number`, which is not 0, is the private half.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        let mut secret = [0; 32];
        if let Some(last) = secret.last_mut() {
            *last = number;
        }
        let public_key = if number.is_multiple_of(2) {
            PublicKey::Secp256k1(secp256k1::PrivateKey::decode(&secret)?.to_public_key().encode_compressed())
        } else {
            PublicKey::P256(p256::PrivateKey::decode(&secret)?.to_public_key().encode_compressed())
        };
        let (prefix, point) = match &public_key {
            PublicKey::P256(point) => (TZ3, point),
            PublicKey::Secp256k1(point) => (TZ2, point),
        };
        let hash: [u8; 20] = Blake2b::<U20>::digest(point).into();
        Some(Self { address: base58check(&prefix, &hash).into(), public_key, hash, secret })
    }

    /// As the vault is to hold it.
    pub(crate) fn for_vault(&self) -> NewKey {
        let (curve, name) = match self.public_key {
            PublicKey::P256(_) => (Curve::P256, "tz3"),
            PublicKey::Secp256k1(_) => (Curve::P256K, "tz2"),
        };
        let number = self.secret.last().copied().unwrap_or_default();
        NewKey { private_key: Some(self.secret), ..NewKey::new(format!("{name}-{number}"), curve) }
    }

    /// A signature of a digest as the signer may release it: another one for each salt. For hand-made histories.
    #[cfg(test)]
    pub(crate) fn sign(&self, digest: &[u8], salt: &[u8]) -> String {
        self.signature_text(&self.with_half(self.signature(digest, salt), false))
    }

    /// One that the vault may give and the signer may not release, if the curve is secp256k1.
    #[cfg(test)]
    pub(crate) fn sign_with_high_s(&self, digest: &[u8]) -> String {
        self.signature_text(&self.with_half(self.signature(digest, &[]), true))
    }

    /// With an s in this half for secp256k1: s and the order minus s are both of the same r.
    #[cfg(test)]
    fn with_half(&self, mut signature: [u8; 64], high: bool) -> [u8; 64] {
        const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let order = hex::decode(ORDER).unwrap();
        let is_high = signature[32] >= 0x80;
        if matches!(self.public_key, PublicKey::Secp256k1(_)) && is_high != high {
            let mut borrow = 0;
            for index in (0..32).rev() {
                let difference = i16::from(order[index]) - i16::from(signature[32 + index]) - borrow;
                borrow = i16::from(difference < 0);
                signature[32 + index] = difference.rem_euclid(256).try_into().unwrap();
            }
        }
        signature
    }

    #[cfg(test)]
    fn signature(&self, digest: &[u8], salt: &[u8]) -> [u8; 64] {
        match self.public_key {
            PublicKey::P256(_) => p256::PrivateKey::decode(&self.secret).unwrap().sign_hash(digest, salt),
            PublicKey::Secp256k1(_) => secp256k1::PrivateKey::decode(&self.secret).unwrap().sign_hash(digest, salt),
        }
    }

    #[cfg(test)]
    fn signature_text(&self, signature: &[u8; 64]) -> String {
        match self.public_key {
            PublicKey::P256(_) => base58check(&[0x36, 0xf0, 0x2c, 0x34], signature),
            PublicKey::Secp256k1(_) => base58check(&[0x0d, 0x73, 0x65, 0x13, 0x3f], signature),
        }
    }

    /// The address as requests are authenticated with it: the tag of the curve, and the hash.
    fn tagged_hash(&self) -> [u8; 21] {
        let mut bytes = [0; 21];
        let tag = match self.public_key {
            PublicKey::P256(_) => 2,
            PublicKey::Secp256k1(_) => 1,
        };
        for (to, from) in bytes.iter_mut().zip(std::iter::once(&tag).chain(&self.hash)) {
            *to = *from;
        }
        bytes
    }
}

/// The key with which bakers authenticate their requests to the signer that wants it.
#[derive(Debug)]
pub(crate) struct Authorized(ed25519::PrivateKey);

/// With this, the text of every authentication begins. No key here gives other signatures that do.
pub(crate) const AUTHENTICATIONS_BEGIN: &str = "edsig";

impl Authorized {
    /// Always the same one.
    pub(crate) fn new() -> Self {
        Self(ed25519::PrivateKey::from_seed(&[7; 32]))
    }

    /// The public half, for `AUTHORIZED_KEYS`.
    pub(crate) fn public_key(&self) -> String {
        base58check(&EDPK, &self.0.public_key.encode())
    }

    /// The `authentication` of a request: a signature of `0x04 || 0x01 || address || payload`, as octez-client makes it.
    pub(crate) fn authentication(&self, key: &BakerKey, payload: &[u8]) -> String {
        let request = [&[0x04, 0x01], &key.tagged_hash()[..], payload].concat();
        base58check(&EDSIG, &self.0.sign_raw(&Blake2b256::digest(&request)))
    }
}

fn base58check(prefix: &[u8], bytes: &[u8]) -> String {
    bs58::encode([prefix, bytes].concat()).with_check().into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_both_curves_and_their_addresses_say_so() {
        let prefix = |number| BakerKey::of_number(number).unwrap().address[..3].to_owned();
        assert_eq!((prefix(1), prefix(2)), ("tz3".to_owned(), "tz2".to_owned()));
        assert!(BakerKey::of_number(0).is_none());
    }

    #[test]
    fn an_authentication_begins_as_is_said() {
        let authentication = Authorized::new().authentication(&BakerKey::of_number(1).unwrap(), &[0x13]);
        assert!(authentication.starts_with(AUTHENTICATIONS_BEGIN));
    }
}
