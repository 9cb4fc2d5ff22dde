//! Payloads that a baker would send.

use azurehsm_signer::tezos::payload::Kind;

pub(crate) const MAINNET: &str = "NetXdQprcVkpaWU";
pub(crate) const MAINNET_BYTES: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];

/// A payload of this kind for keys of tz1, tz2 and tz3. Payloads that differ in `variant` alone are different data for
/// one and the same position.
pub(crate) fn payload(kind: Kind, level: u32, round: u32, variant: u8) -> Vec<u8> {
    match kind {
        Kind::Block => block(level, round, variant),
        Kind::Preattestation => vote(0x12, 20, level, round, variant),
        Kind::Attestation => vote(0x13, 21, level, round, variant),
    }
}

/// A vote in the form with a slot.
pub(crate) fn vote(watermark: u8, tag: u8, level: u32, round: u32, variant: u8) -> Vec<u8> {
    let mut bytes = vec![watermark];
    bytes.extend(MAINNET_BYTES);
    bytes.extend([0x0e; 32]);
    bytes.extend([tag, 0, 0]);
    bytes.extend(level.to_be_bytes());
    bytes.extend(round.to_be_bytes());
    bytes.extend([variant; 32]);
    bytes
}

/// An attestation in the form of tz4 keys.
pub(crate) fn bls_attestation(level: u32, round: u32, variant: u8) -> Vec<u8> {
    let mut bytes = vec![0x13];
    bytes.extend(MAINNET_BYTES);
    bytes.extend([0x0e; 32]);
    bytes.push(41);
    bytes.extend(level.to_be_bytes());
    bytes.extend(round.to_be_bytes());
    bytes.extend([variant; 32]);
    bytes
}

/// A block without a locked round.
pub(crate) fn block(level: u32, round: u32, variant: u8) -> Vec<u8> {
    let mut bytes = vec![0x11];
    bytes.extend(MAINNET_BYTES);
    bytes.extend(level.to_be_bytes());
    bytes.push(2);
    bytes.extend([0x0e; 32]);
    bytes.extend(0x5e9d_cbb0_u64.to_be_bytes());
    bytes.push(4);
    bytes.extend([variant; 32]);
    bytes.extend(33_u32.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 2, 0, 0, 0, 4]);
    bytes.extend(level.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4]);
    bytes.extend(round.to_be_bytes());
    bytes.extend([0x4c; 32]);
    bytes.extend([0; 46]);
    bytes
}

/// A transfer of `amount` and `fee` mutez, each below 128, between two accounts of tz1.
pub(crate) fn transfer(amount: u8, fee: u8) -> Vec<u8> {
    let mut bytes = vec![0x03];
    bytes.extend([0x0e; 32]);
    bytes.extend([108, 0]);
    bytes.extend([1; 20]);
    bytes.extend([fee, 1, 1, 0, amount, 0, 0]);
    bytes.extend([2; 20]);
    bytes.push(0);
    bytes
}
