//! Random numbers from the operating system.

#![allow(clippy::expect_used, reason = "the stand-ins cannot run without randomness")]

pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system should provide randomness");
    bytes
}

/// 32 random hexadecimal digits.
pub(crate) fn identifier() -> String {
    hex::encode(bytes::<16>())
}

/// Uniform in [0, 1).
pub(crate) fn fraction() -> f64 {
    f64::from(u32::from_le_bytes(bytes())) / (f64::from(u32::MAX) + 1.0)
}

/// Standard normal, by the Box–Muller transform.
pub(crate) fn normal() -> f64 {
    let radius = (-2.0 * (1.0 - fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * fraction()).cos()
}
