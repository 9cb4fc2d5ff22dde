//! Which key versions may sign: their type, curve, attributes, operations and tags.

use super::KeyTag;
use crate::failure_reason::FailureReason;
use crate::tezos::{Curve, InvalidPublicKey, PublicKey};
use azure_core::time::{OffsetDateTime, to_rfc3339};
use azure_security_keyvault_keys::models::{CurveName, JsonWebKey, Key as VaultKey, KeyAttributes, KeyType};
use std::collections::HashMap;
use thiserror::Error;

/// Why a version of a key does not sign here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IneligibleKey {
    /// It is disabled.
    #[error("it is disabled")]
    Disabled,
    /// It has expired.
    #[error("it expired at {0}")]
    Expired(String),
    /// Its period of validity has not begun.
    #[error("it is not valid before {0}")]
    NotYetValid(String),
    /// It lacks the required tag (`SIGNING_KEY_TAG`).
    #[error("it lacks the required tag {0}")]
    WithoutTag(String),
    /// It belongs to a certificate, and is replaced when that is renewed.
    #[error("it is the key of a certificate: the vault replaces it whenever it renews the certificate")]
    OfCertificate,
    /// It is not an elliptic curve key.
    #[error("its type is {0}, expected EC or EC-HSM")]
    Type(String),
    /// Tezos does not support its curve.
    #[error("its curve is {0}, expected P-256 (tz3) or P-256K (tz2)")]
    Curve(String),
    /// It may not be used for signing.
    #[error("'sign' is not among its permitted operations")]
    MayNotSign,
    /// The vault's answer is incomplete.
    #[error("the vault's answer lacks its {0}")]
    Incomplete(&'static str),
    /// A coordinate does not fit in 32 bytes.
    #[error("its {coordinate} has {length} bytes, expected 32")]
    CoordinateLength {
        /// The name of the coordinate.
        coordinate: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// The coordinates are not a point on the curve.
    #[error("its public key is not valid: {0}")]
    PublicKey(InvalidPublicKey),
    /// The identity may not read it.
    #[error("it cannot be read: {}", .0.log())]
    Unreadable(FailureReason),
}

impl IneligibleKey {
    /// Whether the two reasons are the same except for a date, or for details such as the time and id of a request.
    pub(super) fn is_same_event(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Expired(_), Self::Expired(_)) | (Self::NotYetValid(_), Self::NotYetValid(_)) => true,
            // The client's form of the reason is the status and the code.
            (Self::Unreadable(one), Self::Unreadable(other)) => one.to_string() == other.to_string(),
            (one, other) => one == other,
        }
    }
}

/// Whether a version can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessment {
    /// It can sign now.
    Usable(PublicKey),
    /// It is a Tezos key that cannot sign now, for a reason that can change.
    Idle(PublicKey, IneligibleKey),
    /// It is not a Tezos key, or not selected.
    Other(IneligibleKey),
}

/// Assesses a version that was read.
pub fn assess(read: &VaultKey, tag: Option<&KeyTag>, now: OffsetDateTime) -> Assessment {
    if let Err(reason) = check_selection(read.managed, read.tags.as_ref(), tag) {
        return Assessment::Other(reason);
    }
    let Some(jwk) = read.key.as_ref() else { return Assessment::Other(IneligibleKey::Incomplete("public key")) };
    let public_key = match public_key(jwk) {
        Ok(public_key) => public_key,
        Err(reason) => return Assessment::Other(reason),
    };
    match check_attributes(read.attributes.as_ref(), now).and_then(|()| check_operations(jwk)) {
        Ok(()) => Assessment::Usable(public_key),
        Err(reason) => Assessment::Idle(public_key, reason),
    }
}

/// Checks the properties of a version that do not change with time.
///
/// # Errors
/// [`IneligibleKey`].
pub(crate) fn check_selection(
    managed: Option<bool>,
    tags: Option<&HashMap<String, String>>,
    tag: Option<&KeyTag>,
) -> Result<(), IneligibleKey> {
    if managed == Some(true) {
        return Err(IneligibleKey::OfCertificate);
    }
    match tag {
        Some(tag) if !tag.is_among(tags) => Err(IneligibleKey::WithoutTag(tag.to_string())),
        _ => Ok(()),
    }
}

/// Checks whether a version may be used at a given time.
///
/// # Errors
/// [`IneligibleKey`].
pub fn check_attributes(attributes: Option<&KeyAttributes>, now: OffsetDateTime) -> Result<(), IneligibleKey> {
    let Some(attributes) = attributes else { return Ok(()) };
    if attributes.enabled == Some(false) {
        return Err(IneligibleKey::Disabled);
    }
    if let Some(expires) = attributes.expires.filter(|expires| *expires <= now) {
        return Err(IneligibleKey::Expired(to_rfc3339(&expires)));
    }
    if let Some(not_before) = attributes.not_before.filter(|not_before| *not_before > now) {
        return Err(IneligibleKey::NotYetValid(to_rfc3339(&not_before)));
    }
    Ok(())
}

fn check_operations(key: &JsonWebKey) -> Result<(), IneligibleKey> {
    let may_sign = key.key_ops.iter().flatten().any(|operation| operation == "sign");
    if may_sign { Ok(()) } else { Err(IneligibleKey::MayNotSign) }
}

/// The Tezos public key in a JSON Web Key (RFC 7518, section 6.2).
///
/// # Errors
/// [`IneligibleKey`] if it is not one.
pub fn public_key(key: &JsonWebKey) -> Result<PublicKey, IneligibleKey> {
    match &key.kty {
        Some(KeyType::Ec | KeyType::EcHsm) => {}
        Some(other) => return Err(IneligibleKey::Type(other.to_string())),
        None => return Err(IneligibleKey::Incomplete("type")),
    }
    let curve = match &key.crv {
        Some(CurveName::P256) => Curve::P256,
        Some(CurveName::P256K) => Curve::Secp256k1,
        Some(other) => return Err(IneligibleKey::Curve(other.to_string())),
        None => return Err(IneligibleKey::Incomplete("curve")),
    };
    let x = coordinate(key.x.as_deref(), "x coordinate")?;
    let y = coordinate(key.y.as_deref(), "y coordinate")?;
    PublicKey::from_coordinates(curve, &x, &y).map_err(IneligibleKey::PublicKey)
}

/// A coordinate of 32 bytes. Some vaults omit leading zeros.
fn coordinate(bytes: Option<&[u8]>, name: &'static str) -> Result<[u8; 32], IneligibleKey> {
    let bytes = bytes.filter(|bytes| !bytes.is_empty()).ok_or(IneligibleKey::Incomplete(name))?;
    let mut padded = [0; 32];
    let digits = padded.len().checked_sub(bytes.len()).and_then(|start| padded.get_mut(start..));
    let wrong_length = IneligibleKey::CoordinateLength { coordinate: name, length: bytes.len() };
    digits.ok_or(wrong_length)?.copy_from_slice(bytes);
    Ok(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::time::Duration;
    use p256::elliptic_curve::sec1::ToSec1Point;

    #[test]
    fn only_enabled_and_valid_versions_are_used() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let at = |days: Option<i64>| days.map(|days| now + Duration::days(days));
        for (enabled, not_before, expires, expected) in [
            (Some(true), None, None, Ok(())),
            (None, None, None, Ok(())),
            (Some(true), Some(-1), Some(1), Ok(())),
            (Some(true), Some(0), None, Ok(())),
            (Some(false), None, None, Err(IneligibleKey::Disabled)),
            (Some(true), None, Some(0), Err(IneligibleKey::Expired("2024-10-04T00:00:00Z".to_owned()))),
            (Some(true), Some(1), None, Err(IneligibleKey::NotYetValid("2024-10-05T00:00:00Z".to_owned()))),
        ] {
            let attributes =
                KeyAttributes { enabled, not_before: at(not_before), expires: at(expires), ..KeyAttributes::default() };
            assert_eq!(check_attributes(Some(&attributes), now), expected);
        }
    }

    /// A key whose x begins with a zero byte.
    fn key_with_short_x() -> (p256::PublicKey, JsonWebKey) {
        let (point, x, y) = (1..u64::MAX)
            .map(|number| {
                let mut scalar = [0; 32];
                scalar[24..].copy_from_slice(&number.to_be_bytes());
                let key = p256::SecretKey::from_slice(&scalar).unwrap().public_key();
                let point = key.to_sec1_point(false);
                (key, point.x().unwrap().to_vec(), point.y().unwrap().to_vec())
            })
            .find(|(_, x, _)| x.first() == Some(&0))
            .unwrap();
        let jwk = JsonWebKey {
            kty: Some(KeyType::EcHsm),
            crv: Some(CurveName::P256),
            key_ops: Some(vec!["sign".to_owned(), "verify".to_owned()]),
            x: Some(x),
            y: Some(y),
            ..JsonWebKey::default()
        };
        (point, jwk)
    }

    #[test]
    fn short_coordinates_are_padded() {
        let (key, jwk) = key_with_short_x();
        let short = JsonWebKey { x: Some(jwk.x.clone().unwrap()[1..].to_vec()), ..jwk.clone() };
        let expected = key.to_sec1_point(true);
        assert_eq!(public_key(&jwk).unwrap().as_bytes(), expected.as_bytes());
        assert_eq!(public_key(&short).unwrap().as_bytes(), expected.as_bytes());
    }

    #[test]
    fn unsupported_keys_are_rejected_with_the_reason() {
        const NOT_ON_P256: &str = "its public key is not valid: the point (x, y) is not on the curve p256";
        const NOT_ON_K256: &str = "its public key is not valid: the point (x, y) is not on the curve secp256k1";

        let (_, jwk) = key_with_short_x();
        let other_y = {
            let mut y = jwk.y.clone().unwrap();
            // The same parity, so that the compressed form is that of a point.
            y[0] ^= 1;
            y
        };
        let k256 = |x: &[u8], y: &[u8]| JsonWebKey {
            crv: Some(CurveName::P256K),
            x: Some(x.to_vec()),
            y: Some(y.to_vec()),
            ..jwk.clone()
        };
        // The field's prime of secp256k1 (SEC 2, section 2.4.1), and its generator.
        let prime = hex::decode("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f").unwrap();
        let x = hex::decode("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").unwrap();
        let y = hex::decode("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8").unwrap();
        assert!(public_key(&k256(&x, &y)).is_ok());
        for (key, expected) in [
            (JsonWebKey { y: Some(other_y), ..jwk.clone() }, NOT_ON_P256),
            (JsonWebKey { x: jwk.y.clone(), y: jwk.x.clone(), ..jwk.clone() }, NOT_ON_P256),
            (JsonWebKey { x: Some(vec![0]), y: Some(vec![0]), ..jwk.clone() }, NOT_ON_P256),
            (JsonWebKey { x: Some(vec![0xff; 32]), ..jwk.clone() }, NOT_ON_P256),
            (JsonWebKey { crv: Some(CurveName::P256K), ..jwk.clone() }, NOT_ON_K256),
            (k256(&[0], &[0]), NOT_ON_K256),
            (k256(&y, &x), NOT_ON_K256),
            (k256(&x, &prime), NOT_ON_K256),
            (k256(&prime, &y), NOT_ON_K256),
            (JsonWebKey { crv: Some(CurveName::P256), ..k256(&x, &y) }, NOT_ON_P256),
            (
                JsonWebKey { kty: Some(KeyType::UnknownValue("OKP".to_owned())), ..jwk.clone() },
                "its type is OKP, expected EC or EC-HSM",
            ),
            (JsonWebKey { kty: Some(KeyType::Rsa), ..jwk.clone() }, "its type is RSA, expected EC or EC-HSM"),
            (JsonWebKey { kty: None, ..jwk.clone() }, "the vault's answer lacks its type"),
            (
                JsonWebKey { crv: Some(CurveName::P384), ..jwk.clone() },
                "its curve is P-384, expected P-256 (tz3) or P-256K (tz2)",
            ),
            (JsonWebKey { crv: None, ..jwk.clone() }, "the vault's answer lacks its curve"),
            (JsonWebKey { x: None, ..jwk.clone() }, "the vault's answer lacks its x coordinate"),
            (JsonWebKey { y: None, ..jwk.clone() }, "the vault's answer lacks its y coordinate"),
            (JsonWebKey { y: Some(Vec::new()), ..jwk.clone() }, "the vault's answer lacks its y coordinate"),
            (JsonWebKey { y: Some(vec![1; 33]), ..jwk.clone() }, "its y coordinate has 33 bytes, expected 32"),
        ] {
            assert_eq!(public_key(&key).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn versions_are_assessed() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let (_, jwk) = key_with_short_x();
        let key = public_key(&jwk).unwrap();
        let of = |jwk: &JsonWebKey| {
            let mut read = VaultKey::default();
            read.key = Some(jwk.clone());
            read
        };
        let disabled = |jwk: &JsonWebKey| {
            let mut read = of(jwk);
            read.attributes = Some(KeyAttributes { enabled: Some(false), ..KeyAttributes::default() });
            read
        };
        let may = |operations: &[&str]| {
            let key_ops = operations.iter().map(|operation| (*operation).to_owned()).collect();
            of(&JsonWebKey { key_ops: Some(key_ops), ..jwk.clone() })
        };
        let mut of_certificate = of(&jwk);
        of_certificate.managed = Some(true);
        let rsa = JsonWebKey { kty: Some(KeyType::Rsa), ..jwk.clone() };
        let tag: KeyTag = "tezos".parse().unwrap();
        for (read, tag, expected) in [
            (of(&jwk), None, Assessment::Usable(key.clone())),
            (may(&["verify"]), None, Assessment::Idle(key.clone(), IneligibleKey::MayNotSign)),
            (
                of(&JsonWebKey { key_ops: None, ..jwk.clone() }),
                None,
                Assessment::Idle(key.clone(), IneligibleKey::MayNotSign),
            ),
            (disabled(&jwk), None, Assessment::Idle(key, IneligibleKey::Disabled)),
            (disabled(&jwk), Some(&tag), Assessment::Other(IneligibleKey::WithoutTag("tezos".to_owned()))),
            (disabled(&rsa), None, Assessment::Other(IneligibleKey::Type("RSA".to_owned()))),
            (of_certificate, None, Assessment::Other(IneligibleKey::OfCertificate)),
            (VaultKey::default(), None, Assessment::Other(IneligibleKey::Incomplete("public key"))),
        ] {
            assert_eq!(assess(&read, tag, now), expected);
        }
    }

    #[test]
    fn reasons_that_differ_in_a_date_or_a_request_id_are_the_same_event() {
        let unreadable =
            |status: &str, request: &str| IneligibleKey::Unreadable(FailureReason::with_log(status, request));
        for (one, other, is_same) in [
            (IneligibleKey::Expired("2024".to_owned()), IneligibleKey::Expired("2025".to_owned()), true),
            (IneligibleKey::NotYetValid("2034".to_owned()), IneligibleKey::NotYetValid("2035".to_owned()), true),
            (IneligibleKey::Expired("2024".to_owned()), IneligibleKey::NotYetValid("2035".to_owned()), false),
            (IneligibleKey::Disabled, IneligibleKey::Expired("2024".to_owned()), false),
            (unreadable("403", "request 1"), unreadable("403", "request 2"), true),
            (unreadable("403", "request 1"), unreadable("400", "request 1"), false),
            (IneligibleKey::Type("RSA".to_owned()), IneligibleKey::Type("oct".to_owned()), false),
        ] {
            assert_eq!(one.is_same_event(&other), is_same, "{one:?} {other:?}");
        }
    }
}
