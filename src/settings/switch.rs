//! Whether something is on or off.

use std::str::FromStr;
use thiserror::Error;

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    On,
    Off,
}

/// Another word.
#[derive(Debug, Error)]
#[error("expected on or off")]
pub(super) struct NotASwitch;

impl FromStr for Switch {
    type Err = NotASwitch;

    fn from_str(text: &str) -> Result<Self, NotASwitch> {
        match text {
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(NotASwitch),
        }
    }
}
