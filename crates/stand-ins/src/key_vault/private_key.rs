//! Private keys, and valid and invalid signatures by them.

use super::new_key::{Curve, InvalidKey, NewKey};
use crate::faults::BadSignature;
use crate::random;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use getrandom::SysRng;
use k256::ecdsa::signature::hazmat::RandomizedPrehashSigner;

/// A private key, if the stand-in can sign with its type.
#[derive(Clone)]
pub(super) enum PrivateKey {
    P256(p256::ecdsa::SigningKey),
    K256(k256::ecdsa::SigningKey),
    /// Unwraps, or is released.
    Rsa(RsaKey),
    /// A type that the stand-in does not sign with.
    None,
}

/// An RSA key, and its numbers.
#[derive(Clone)]
pub(super) struct RsaKey {
    key: PrivateDecryptingKey,
    numbers: [Vec<u8>; 8],
}

/// The public parameters of a key, big-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Point { x: Vec<u8>, y: Vec<u8> },
    Rsa { modulus: Vec<u8> },
}

impl PrivateKey {
    /// The requested key, or a random one.
    pub(super) fn of(properties: &NewKey) -> Result<(Self, PublicKey), InvalidKey> {
        if let Some(pkcs8) = &properties.pkcs8 {
            return Self::from_pkcs8(pkcs8).ok_or(InvalidKey::PrivateKey);
        }
        match (properties.curve, properties.private_key, properties.short_coordinates) {
            (Curve::P256 | Curve::P256K, Some(_), true) | (Curve::P384 | Curve::P521 | Curve::Rsa, _, true) => {
                Err(InvalidKey::ShortCoordinates)
            }
            (Curve::P384 | Curve::P521 | Curve::Rsa, Some(_), _) => Err(InvalidKey::PrivateKey),
            (Curve::P384, ..) => Ok((Self::None, PublicKey::meaningless_point(48))),
            (Curve::P521, ..) => Ok((Self::None, PublicKey::meaningless_point(66))),
            (Curve::Rsa, ..) => Ok((Self::None, PublicKey::Rsa { modulus: meaningless(256) })),
            (curve, Some(bytes), _) => Self::from_bytes(curve, &bytes).ok_or(InvalidKey::PrivateKey),
            (curve, None, false) => Ok(Self::random(curve)),
            (curve, None, true) => Ok(Self::with_short_coordinates(curve)),
        }
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Option<(Self, PublicKey)> {
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8).ok()?;
        let der: PublicKeyX509Der<'_> = key.public_key().as_der().ok()?;
        // The DER of a public key ends with the modulus and the exponent, 65537.
        let before_exponent = der.as_ref().strip_suffix(&[2, 3, 1, 0, 1])?;
        let (_, modulus) =
            before_exponent.split_at_checked(before_exponent.len().checked_sub(key.key_size_bytes())?)?;
        let modulus = modulus.to_vec();
        let numbers = rsa_numbers(pkcs8)?;
        Some((Self::Rsa(RsaKey { key, numbers }), PublicKey::Rsa { modulus }))
    }

    /// The numbers of an RSA key: n, e, d, p, q, d mod p - 1, d mod q - 1, 1/q mod p, big-endian without leading zeros.
    pub(super) fn rsa_numbers(&self) -> Option<&[Vec<u8>; 8]> {
        if let Self::Rsa(key) = self { Some(&key.numbers) } else { None }
    }

    /// Unwraps with RSA-OAEP-256; `None` if the key cannot, or the bytes were not wrapped for it.
    pub(super) fn unwrap(&self, wrapped: &[u8]) -> Option<Vec<u8>> {
        let Self::Rsa(RsaKey { key, .. }) = self else { return None };
        let key = OaepPrivateDecryptingKey::new(key.clone()).ok()?;
        let mut bytes = vec![0; key.min_output_size()];
        Some(key.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut bytes, None).ok()?.to_vec())
    }

    fn from_bytes(curve: Curve, bytes: &[u8]) -> Option<(Self, PublicKey)> {
        match curve {
            Curve::P256 => {
                let key = p256::ecdsa::SigningKey::from_slice(bytes).ok()?;
                let point = key.verifying_key().to_sec1_point(false);
                Some((Self::P256(key), PublicKey::from_sec1(point.as_bytes())))
            }
            Curve::P256K => {
                let key = k256::ecdsa::SigningKey::from_slice(bytes).ok()?;
                let point = key.verifying_key().to_sec1_point(false);
                Some((Self::K256(key), PublicKey::from_sec1(point.as_bytes())))
            }
            Curve::P384 | Curve::P521 | Curve::Rsa => None,
        }
    }

    fn random(curve: Curve) -> (Self, PublicKey) {
        loop {
            // All but a negligible share of 256-bit numbers are valid keys.
            if let Some(key) = Self::from_bytes(curve, &random::bytes::<32>()) {
                return key;
            }
        }
    }

    /// One key in 128 has a short coordinate.
    fn with_short_coordinates(curve: Curve) -> (Self, PublicKey) {
        loop {
            let (private_key, public_key) = Self::random(curve);
            if let PublicKey::Point { x, y } = public_key
                && (x.starts_with(&[0]) || y.starts_with(&[0]))
            {
                let short = |coordinate: Vec<u8>| coordinate.into_iter().skip_while(|byte| *byte == 0).collect();
                return (private_key, PublicKey::Point { x: short(x), y: short(y) });
            }
        }
    }

    /// Signs the digest: r and s, different each time. s is high or low at random, unless `high_s`.
    pub(super) fn sign(&self, digest: &[u8], high_s: bool) -> Option<Vec<u8>> {
        let high_s = high_s || random::fraction() < 0.5;
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash_with_rng(&mut SysRng, digest).ok()?;
                let low = signature.normalize_s();
                let (r, s) = low.split_scalars();
                let s = if high_s { -s } else { s };
                Some(p256::ecdsa::Signature::from_scalars(r, s).ok()?.to_bytes().to_vec())
            }
            Self::K256(key) => {
                let signature: k256::ecdsa::Signature = key.sign_prehash_with_rng(&mut SysRng, digest).ok()?;
                let low = signature.normalize_s();
                let (r, s) = low.split_scalars();
                let s = if high_s { -s } else { s };
                Some(k256::ecdsa::Signature::from_scalars(r, s).ok()?.to_bytes().to_vec())
            }
            Self::Rsa(_) | Self::None => None,
        }
    }

    /// An invalid signature.
    pub(super) fn sign_badly(&self, digest: &[u8], bad: BadSignature) -> Option<Vec<u8>> {
        match bad {
            BadSignature::OfOtherData => self.sign(&random::bytes::<32>(), false),
            BadSignature::ByOtherKey => {
                let curve = match self {
                    Self::P256(_) => Curve::P256,
                    Self::K256(_) => Curve::P256K,
                    Self::Rsa(_) | Self::None => return None,
                };
                Self::random(curve).0.sign(digest, false)
            }
            BadSignature::Truncated => {
                let mut signature = self.sign(digest, false)?;
                signature.pop();
                Some(signature)
            }
            BadSignature::Empty => Some(Vec::new()),
        }
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl PublicKey {
    /// From an uncompressed point: byte 4, x, y.
    fn from_sec1(bytes: &[u8]) -> Self {
        let (x, y) = bytes.split_first().map_or((&[][..], &[][..]), |(_, xy)| xy.split_at(xy.len() / 2));
        Self::Point { x: x.to_vec(), y: y.to_vec() }
    }

    /// Moves the point off its curve.
    pub(super) fn leave_curve(&mut self) {
        if let Self::Point { y, .. } = self
            && let Some(first) = y.first_mut()
        {
            *first ^= 1;
        }
    }

    fn meaningless_point(length: usize) -> Self {
        Self::Point { x: meaningless(length), y: meaningless(length) }
    }
}

fn meaningless(length: usize) -> Vec<u8> {
    std::iter::repeat_with(random::bytes::<32>).flatten().take(length).collect()
}

/// The integers of an RSA key in PKCS #8, after its version.
fn rsa_numbers(pkcs8: &[u8]) -> Option<[Vec<u8>; 8]> {
    let mut fields = element(&mut { pkcs8 })?;
    // A version, an algorithm, and the key.
    element(&mut fields)?;
    element(&mut fields)?;
    let mut key = element(&mut fields)?;
    let mut integers = element(&mut key)?;
    element(&mut integers)?;
    let mut numbers: [Vec<u8>; 8] = Default::default();
    for number in &mut numbers {
        *number = element(&mut integers)?.iter().copied().skip_while(|byte| *byte == 0).collect();
    }
    Some(numbers)
}

/// Takes the contents of the next element of DER.
fn element<'a>(der: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (_tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    let (contents, after) = rest.split_at_checked(length)?;
    *der = after;
    Some(contents)
}
