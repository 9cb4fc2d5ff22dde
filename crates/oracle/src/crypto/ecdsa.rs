//! High and low s: if (r, s) is a signature, so is (r, order − s).

use super::Curve;

/// The group order of P-256, big-endian.
pub const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// The group order of secp256k1, big-endian.
pub const SECP256K1_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// The signature with the other s. `curve` is P-256 or secp256k1.
pub fn with_other_s(curve: Curve, signature: &[u8]) -> Vec<u8> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let mut other = if curve == Curve::P256 { P256_ORDER } else { SECP256K1_ORDER };
    let mut borrow = false;
    for (digit, subtrahend) in other.iter_mut().zip(s).rev() {
        let (difference, first) = digit.overflowing_sub(*subtrahend);
        let (difference, second) = difference.overflowing_sub(borrow.into());
        (*digit, borrow) = (difference, first || second);
    }
    [r, &other].concat()
}

/// Whether s is low, in the lower half of the order: of the two signatures with the same r, one is. `curve` is P-256 or secp256k1.
pub fn is_low(curve: Curve, signature: &[u8]) -> bool {
    let s = |signature: &[u8]| signature.split_at(signature.len() / 2).1.to_vec();
    s(signature) < s(&with_other_s(curve, signature))
}
