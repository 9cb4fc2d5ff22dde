use crate::tezos::{Curve, InvalidPublicKey, PublicKey};
use azure_core::time::{OffsetDateTime, to_rfc3339};
use azure_security_keyvault_keys::models::{CurveName, JsonWebKey, KeyAttributes, KeyType};
use thiserror::Error;

/// Why a version of a key does not sign here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unusable {
    /// It was disabled.
    #[error("it is disabled")]
    Disabled,
    /// Its time is over.
    #[error("it expired at {0}")]
    Expired(String),
    /// Its time has not come.
    #[error("it is not valid before {0}")]
    NotYetValid(String),
    /// It has not the tag that is asked for.
    #[error("it has no tag {0}")]
    WithoutTag(String),
    /// No elliptic curve key.
    #[error("it is of type {0}, not EC or EC-HSM")]
    Type(String),
    /// Not a curve of Tezos.
    #[error("it is on curve {0}, not P-256 (tz3) or P-256K (tz2)")]
    Curve(String),
    /// Not made for signing.
    #[error("'sign' is not among its permitted operations")]
    MayNotSign,
    /// The vault left something out.
    #[error("the vault does not say its {0}")]
    Incomplete(&'static str),
    /// The coordinates are no point.
    #[error("its public key is none: {0}")]
    PublicKey(InvalidPublicKey),
    /// The vault does not let this identity read it.
    #[error("it may not be read: {0}")]
    Unreadable(String),
}

/// Whether a version may be used at a time.
///
/// # Errors
/// [`Unusable`].
pub fn check_attributes(attributes: Option<&KeyAttributes>, now: OffsetDateTime) -> Result<(), Unusable> {
    let Some(attributes) = attributes else { return Ok(()) };
    if attributes.enabled == Some(false) {
        return Err(Unusable::Disabled);
    }
    if let Some(expires) = attributes.expires.filter(|expires| *expires <= now) {
        return Err(Unusable::Expired(to_rfc3339(&expires)));
    }
    if let Some(not_before) = attributes.not_before.filter(|not_before| *not_before > now) {
        return Err(Unusable::NotYetValid(to_rfc3339(&not_before)));
    }
    Ok(())
}

/// The Tezos public key of a key that may sign, from its JSON Web Key (RFC 7518, section 6.2).
///
/// # Errors
/// [`Unusable`].
pub fn public_key(key: &JsonWebKey) -> Result<PublicKey, Unusable> {
    match &key.kty {
        Some(KeyType::Ec | KeyType::EcHsm) => {}
        Some(other) => return Err(Unusable::Type(other.to_string())),
        None => return Err(Unusable::Incomplete("type")),
    }
    let curve = match &key.crv {
        Some(CurveName::P256) => Curve::P256,
        Some(CurveName::P256K) => Curve::Secp256k1,
        Some(other) => return Err(Unusable::Curve(other.to_string())),
        None => return Err(Unusable::Incomplete("curve")),
    };
    if !key.key_ops.iter().flatten().any(|operation| operation == "sign") {
        return Err(Unusable::MayNotSign);
    }
    let x = coordinate(key.x.as_deref(), "x coordinate")?;
    let y = coordinate(key.y.as_deref(), "y coordinate")?;
    let [.., last_of_y] = y;
    // SEC 1, section 2.3.3: the compressed form says whether y is odd.
    let mut compressed = vec![2 + (last_of_y & 1)];
    compressed.extend(x);
    PublicKey::from_bytes(curve, &compressed).map_err(Unusable::PublicKey)
}

/// A coordinate is a number of 32 bytes. Not every vault writes its leading zeros.
fn coordinate(bytes: Option<&[u8]>, name: &'static str) -> Result<[u8; 32], Unusable> {
    let bytes = bytes.ok_or(Unusable::Incomplete(name))?;
    let mut padded = [0; 32];
    let digits = padded.len().checked_sub(bytes.len()).and_then(|start| padded.get_mut(start..));
    digits.ok_or(Unusable::Incomplete(name))?.copy_from_slice(bytes);
    Ok(padded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::time::Duration;
    use p256::elliptic_curve::sec1::ToSec1Point;

    #[test]
    fn only_enabled_versions_in_their_time_are_used() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let at = |days: Option<i64>| days.map(|days| now + Duration::days(days));
        for (enabled, not_before, expires, expected) in [
            (Some(true), None, None, Ok(())),
            (None, None, None, Ok(())),
            (Some(true), Some(-1), Some(1), Ok(())),
            (Some(true), Some(0), None, Ok(())),
            (Some(false), None, None, Err(Unusable::Disabled)),
            (Some(true), None, Some(0), Err(Unusable::Expired("2024-10-04T00:00:00Z".to_owned()))),
            (Some(true), Some(1), None, Err(Unusable::NotYetValid("2024-10-05T00:00:00Z".to_owned()))),
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
    fn keys_that_cannot_sign_for_tezos_say_why() {
        let (_, jwk) = key_with_short_x();
        for (key, expected) in [
            (JsonWebKey { kty: Some(KeyType::Rsa), ..jwk.clone() }, "it is of type RSA, not EC or EC-HSM"),
            (JsonWebKey { kty: None, ..jwk.clone() }, "the vault does not say its type"),
            (
                JsonWebKey { crv: Some(CurveName::P384), ..jwk.clone() },
                "it is on curve P-384, not P-256 (tz3) or P-256K (tz2)",
            ),
            (JsonWebKey { crv: None, ..jwk.clone() }, "the vault does not say its curve"),
            (
                JsonWebKey { key_ops: Some(vec!["verify".to_owned()]), ..jwk.clone() },
                "'sign' is not among its permitted operations",
            ),
            (JsonWebKey { key_ops: None, ..jwk.clone() }, "'sign' is not among its permitted operations"),
            (JsonWebKey { x: None, ..jwk.clone() }, "the vault does not say its x coordinate"),
            (JsonWebKey { y: Some(vec![1; 33]), ..jwk.clone() }, "the vault does not say its y coordinate"),
        ] {
            assert_eq!(public_key(&key).unwrap_err().to_string(), expected);
        }
        let no_point = JsonWebKey { x: Some(vec![0xff; 32]), ..jwk };
        assert!(matches!(public_key(&no_point), Err(Unusable::PublicKey(_))));
    }
}
