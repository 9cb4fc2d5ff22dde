//! The keys in the vault, and sealed keys, of which this program knows both halves, and the key with which bakers authenticate requests.

use oracle::crypto::{Curve, PublicKey, Scheme, SecretKey};
use stand_ins::NewKey;
use std::sync::Arc;

/// A key in the vault, or a sealed key.
#[derive(Debug, Clone)]
pub(crate) struct BakerKey {
    /// Its address, tz2… or tz3…; tz4… of a sealed key.
    pub(crate) address: Arc<str>,
    /// What the judge verifies with.
    pub(crate) public_key: PublicKey,
    number: u8,
    #[cfg(test)]
    secret: SecretKey,
}

impl BakerKey {
    /// Keys of both curves in turn; `number`, which is not 0, is the private half.
    pub(crate) fn of_number(number: u8) -> Option<Self> {
        Self::of_curve(if number.is_multiple_of(2) { Curve::Secp256k1 } else { Curve::P256 }, number)
    }

    /// A tz4 key, which is sealed.
    pub(crate) fn tz4(number: u8) -> Option<Self> {
        Self::of_curve(Curve::Bls, number)
    }

    fn of_curve(curve: Curve, number: u8) -> Option<Self> {
        let secret = SecretKey::from_bytes(curve, bytes_of(number))?;
        let public_key = secret.public_key();
        Some(Self {
            address: public_key.hash().into(),
            public_key,
            number,
            #[cfg(test)]
            secret,
        })
    }

    /// As a chain has it.
    pub(crate) fn on_chain(&self) -> Option<oracle::chain::Key> {
        SecretKey::from_bytes(self.public_key.curve, bytes_of(self.number)).map(Into::into)
    }

    /// The text of its secret key, as an operator imports it.
    pub(crate) fn secret_text(&self) -> Option<String> {
        Some(SecretKey::from_bytes(self.public_key.curve, bytes_of(self.number))?.text())
    }

    /// As the vault is to hold it.
    pub(crate) fn for_vault(&self) -> NewKey {
        let (curve, name) = match self.public_key.curve {
            Curve::Secp256k1 => (stand_ins::Curve::P256K, "tz2"),
            _ => (stand_ins::Curve::P256, "tz3"),
        };
        let private_key = Some(bytes_of(self.number));
        NewKey { private_key, ..NewKey::new(format!("{name}-{}", self.number), curve) }
    }

    /// A signature that the signer may release: another one for each salt. For hand-made histories.
    #[cfg(test)]
    pub(crate) fn sign(&self, payload: &[u8], salt: &[u8]) -> String {
        self.signature_text(&self.secret.sign_with(payload, Scheme::default(), salt))
    }

    /// One that the vault may give and the signer may not release, if the curve is secp256k1.
    #[cfg(test)]
    pub(crate) fn sign_with_high_s(&self, payload: &[u8]) -> String {
        let low = self.secret.sign(payload, Scheme::default());
        self.signature_text(&oracle::crypto::with_other_s(self.public_key.curve, &low))
    }

    #[cfg(test)]
    fn signature_text(&self, signature: &[u8]) -> String {
        self.public_key.curve.signature().encode(signature)
    }
}

fn bytes_of(number: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    if let Some(last) = bytes.last_mut() {
        *last = number;
    }
    bytes
}

/// What a key is sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SealedFor {
    pub(crate) role: Role,
    pub(crate) chain: [u8; 4],
    /// Whether it is sealed for the mark store that the signers use.
    pub(crate) is_here: bool,
}

/// The role of a sealed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Consensus,
    Companion,
}

/// The key with which bakers authenticate their requests to the signer that wants it.
#[derive(Debug)]
pub(crate) struct Authorized(SecretKey);

/// With this, the text of every authentication begins. No key here gives other signatures that do.
pub(crate) const AUTHENTICATIONS_BEGIN: &str = "edsig";

impl Authorized {
    /// Always the same one.
    pub(crate) fn new() -> Self {
        Self(SecretKey::ed25519([7; 32]))
    }

    /// The public half, for `AUTHORIZED_KEYS`.
    pub(crate) fn public_key(&self) -> String {
        self.0.public_key().text()
    }

    /// The `authentication` of a request, as octez-client makes it.
    pub(crate) fn authentication(&self, key: &BakerKey, payload: &[u8]) -> String {
        self.0.sign_text(&key.public_key.request_to_authenticate(payload), Scheme::default())
    }
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
