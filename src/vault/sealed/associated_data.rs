//! The bytes that are authenticated together with a sealed secret. `docs/sealed-keys.md` specifies them.

use super::format::FORMAT;
use super::purpose::Purpose;
use super::recipient::{ALGORITHM, Recipient};
use crate::tezos::PublicKey;
use aws_lc_rs::digest::{SHA256, digest};

/// Everything but the nonce and the ciphertext.
pub(super) fn encode(public_key: &PublicKey, purpose: &Purpose, recipients: &[Recipient]) -> Vec<u8> {
    let mut bytes = Vec::new();
    field(&mut bytes, FORMAT.as_bytes());
    field(&mut bytes, public_key.hash().to_string().as_bytes());
    field(&mut bytes, public_key.to_string().as_bytes());
    field(&mut bytes, purpose.role().name().as_bytes());
    field(&mut bytes, purpose.chain().to_string().as_bytes());
    let parts = purpose.store().parts();
    number(&mut bytes, parts.len());
    for part in parts {
        field(&mut bytes, part.as_bytes());
    }
    field(&mut bytes, digest(&SHA256, &list(recipients)).as_ref());
    bytes
}

fn list(recipients: &[Recipient]) -> Vec<u8> {
    let mut bytes = Vec::new();
    number(&mut bytes, recipients.len());
    for recipient in recipients {
        field(&mut bytes, recipient.key().id().to_string().as_bytes());
        field(&mut bytes, ALGORITHM.as_bytes());
        field(&mut bytes, recipient.key().public_key().as_der());
        field(&mut bytes, recipient.wrapped_key());
    }
    bytes
}

/// The length before the bytes, so that no two lists of fields have the same encoding.
fn field(bytes: &mut Vec<u8>, value: &[u8]) {
    number(bytes, value.len());
    bytes.extend_from_slice(value);
}

/// Four bytes, big-endian. All lengths are far below 2^32, since a sealed key is limited in size.
fn number(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes());
}
