//! Randomness from the operating system.

#![allow(clippy::expect_used, reason = "a machine without randomness cannot run the stand-ins at all")]

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 32 random hexadecimal digits.
pub(crate) fn identifier() -> String {
    hex::encode(bytes::<16>())
}

/// From 0 up to, but not, 1.
pub(crate) fn fraction() -> f64 {
    f64::from(u32::from_le_bytes(bytes())) / (f64::from(u32::MAX) + 1.0)
}

/// Of a normal distribution with mean 0 and standard deviation 1, by Box and Muller.
pub(crate) fn normal() -> f64 {
    let radius = (-2.0 * (1.0 - fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * fraction()).cos()
}
