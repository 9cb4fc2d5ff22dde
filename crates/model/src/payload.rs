//! The bakers' payloads, as bytes. Which mark each belongs to is for the product's decoder to determine.

const CHAIN: [u8; 4] = [0x7a, 0x06, 0xa7, 0x70];

/// The type of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A block.
    Block,
    /// An attestation without DAL content (tag 21).
    Attestation,
    /// An attestation with DAL content (tag 23).
    AttestationWithDal,
}

/// A payload at this level and round. Payloads that differ only in `variant` conflict: same slot, different data.
pub(crate) fn payload(form: Form, level: u8, round: u8, variant: u8) -> Vec<u8> {
    match form {
        Form::Block => block(level, round, variant),
        Form::Attestation => attestation(21, level, round, variant, &[]),
        Form::AttestationWithDal => attestation(23, level, round, variant, &[1]),
    }
}

/// Watermark byte, chain, branch, tag, slot, level, round, payload hash; then the DAL bits as a number, if any.
fn attestation(tag: u8, level: u8, round: u8, variant: u8, dal: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x13];
    bytes.extend(CHAIN);
    bytes.extend([0x0e; 32]);
    bytes.extend([tag, 0, 0]);
    bytes.extend(u32::from(level).to_be_bytes());
    bytes.extend(u32::from(round).to_be_bytes());
    bytes.extend([variant; 32]);
    bytes.extend(dal);
    bytes
}

/// Watermark byte, chain, and a shell header whose fitness holds level and round; the rest is not interpreted.
fn block(level: u8, round: u8, variant: u8) -> Vec<u8> {
    let mut bytes = vec![0x11];
    bytes.extend(CHAIN);
    bytes.extend(u32::from(level).to_be_bytes());
    bytes.push(2);
    bytes.extend([0x0e; 32]);
    bytes.extend([0; 8]);
    bytes.push(4);
    bytes.extend([variant; 32]);
    bytes.extend(33_u32.to_be_bytes());
    bytes.extend([0, 0, 0, 1, 2, 0, 0, 0, 4]);
    bytes.extend(u32::from(level).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4]);
    bytes.extend(u32::from(round).to_be_bytes());
    bytes.extend([0x4c; 32]);
    bytes.extend([0; 46]);
    bytes
}
