//! The first byte of a payload, which determines the type of the rest.

/// A block header (Tenderbake).
pub const BLOCK: u8 = 0x11;
/// A preattestation.
pub const PREATTESTATION: u8 = 0x12;
/// An attestation.
pub const ATTESTATION: u8 = 0x13;
/// Any other operation.
pub const OPERATION: u8 = 0x03;
/// Packed Michelson data, by convention.
pub const PACKED_DATA: u8 = 0x05;
