//! Random texts and numbers.

/// So many random bytes, in hexadecimal.
pub(crate) fn hexadecimal<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    // If there is no randomness, keys are zeros: nothing here guards anything of value.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

/// A random number.
pub(crate) fn number() -> u32 {
    getrandom::u32().unwrap_or_default()
}
