//! Names of keys in the key file.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A key's name: 1 to 127 letters, digits, `-` and `_`, so that it can be an alias in octez-client and a name in Key
/// Vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(String);

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '_';
        if (1..=127).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKeyName(text.to_owned()))
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that is not a valid key name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not a valid key name: expected 1 to 127 letters, digits, - and _")]
pub struct InvalidKeyName(String);
