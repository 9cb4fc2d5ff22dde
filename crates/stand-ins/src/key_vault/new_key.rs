//! Keys to be added to the vault.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A new key, or a new version of an existing one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "they are independent")]
pub struct NewKey {
    /// Name. If the key exists, this becomes its latest version.
    pub name: String,
    /// Curve.
    pub curve: Curve,
    /// Whether it is stored in hardware: `EC-HSM` instead of `EC`. Always so in a Managed HSM.
    #[serde(default)]
    pub hsm: bool,
    /// Whether it is enabled.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Expiry, in seconds since 1970.
    #[serde(default)]
    pub expires: Option<u64>,
    /// Start of validity, in seconds since 1970.
    #[serde(default)]
    pub not_before: Option<u64>,
    /// Permitted operations.
    #[serde(default = "sign_and_verify")]
    pub key_ops: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The private key; random if `None`. For P-256 and P-256K only.
    #[serde(default, with = "hex_bytes")]
    pub private_key: Option<[u8; 32]>,
    /// The private key of an RSA key as PKCS #8 in DER. Without it, the vault cannot unwrap with the key.
    #[serde(skip)]
    pub pkcs8: Option<Vec<u8>>,
    /// Whether it may be released.
    #[serde(default)]
    pub exportable: bool,
    /// Whom it is released to, as the service's release policy in JSON. Requires `exportable`.
    #[serde(skip)]
    pub release_policy: Option<Value>,
    /// Whether to pick a key with a coordinate that begins with a zero byte, and to omit such bytes.
    #[serde(default)]
    pub short_coordinates: bool,
    /// Whether all its signatures have a high s.
    #[serde(default)]
    pub high_s: bool,
    /// Whether it belongs to a certificate.
    #[serde(default)]
    pub managed: bool,
    /// Whether its public key is a point off the curve, with a y of the same parity.
    #[serde(default)]
    pub off_curve: bool,
}

/// Key types. The stand-in signs with P-256 and P-256K only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// NIST P-256, tz3.
    #[serde(rename = "P-256")]
    P256,
    /// secp256k1, tz2.
    #[serde(rename = "P-256K")]
    P256K,
    /// NIST P-384.
    #[serde(rename = "P-384")]
    P384,
    /// NIST P-521.
    #[serde(rename = "P-521")]
    P521,
    /// RSA, 2048 bits, or as long as the given private key.
    #[serde(rename = "RSA")]
    Rsa,
}

/// Why a key cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidKey {
    /// The name is not 1 to 127 letters, digits or dashes.
    Name,
    /// The private key is not valid for the curve.
    PrivateKey,
    /// Short coordinates were requested for a given private key, or for a curve that the stand-in does not sign with.
    ShortCoordinates,
}

impl NewKey {
    /// An enabled key with a random private key that may sign and verify.
    pub fn new(name: impl Into<String>, curve: Curve) -> Self {
        Self {
            name: name.into(),
            curve,
            hsm: false,
            enabled: true,
            expires: None,
            not_before: None,
            key_ops: sign_and_verify(),
            tags: BTreeMap::new(),
            private_key: None,
            pkcs8: None,
            exportable: false,
            release_policy: None,
            short_coordinates: false,
            high_s: false,
            managed: false,
            off_curve: false,
        }
    }

    /// An RSA key in hardware that may only unwrap.
    pub fn unwrapping(name: impl Into<String>, pkcs8: Vec<u8>) -> Self {
        let key_ops = vec!["unwrapKey".to_owned()];
        Self { hsm: true, key_ops, pkcs8: Some(pkcs8), ..Self::new(name, Curve::Rsa) }
    }

    /// An RSA key in hardware that the vault releases by this policy, and does not use itself.
    pub fn releasable(name: impl Into<String>, pkcs8: Vec<u8>, release_policy: Value) -> Self {
        let key_ops = vec!["wrapKey".to_owned()];
        let release_policy = Some(release_policy);
        Self { hsm: true, key_ops, pkcs8: Some(pkcs8), exportable: true, release_policy, ..Self::new(name, Curve::Rsa) }
    }

    /// A key that may only unwrap, from PEM (`PRIVATE KEY`); `None` if it is not PEM.
    pub fn unwrapping_from_pem(name: impl Into<String>, pem: &str) -> Option<Self> {
        let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        Some(Self::unwrapping(name, STANDARD.decode(base64).ok()?))
    }

    /// A key whose private key a test has, too. `None` for a curve that the vault does not sign with.
    pub fn holding(name: impl Into<String>, key: &oracle::crypto::SecretKey) -> Option<Self> {
        let curve = match key.curve() {
            oracle::crypto::Curve::P256 => Curve::P256,
            oracle::crypto::Curve::Secp256k1 => Curve::P256K,
            _ => return None,
        };
        let private_key = key.curve().secret_key().decode(&key.text())?.try_into().ok()?;
        Some(Self { private_key: Some(private_key), ..Self::new(name, curve) })
    }
}

impl Default for NewKey {
    fn default() -> Self {
        Self::new("key", Curve::P256)
    }
}

impl std::fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Name => "a key's name must be 1 to 127 letters, digits or dashes",
            Self::PrivateKey => "the private key is not valid for the curve, or the curve is neither P-256 nor P-256K",
            Self::ShortCoordinates => "short coordinates require P-256 or P-256K, and no given private key",
        })
    }
}

impl std::error::Error for InvalidKey {}

fn yes() -> bool {
    true
}

fn sign_and_verify() -> Vec<String> {
    vec!["sign".to_owned(), "verify".to_owned()]
}

/// 32 bytes in JSON, as 64 hexadecimal digits.
mod hex_bytes {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut bytes)
            .map_err(|_| D::Error::custom("a private key must be 64 hexadecimal digits"))?;
        Ok(Some(bytes))
    }
}
