//! Errors of the emulator.

use std::io;

/// Why a network cannot be created or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine, or the rights of this user, do not allow an emulated network.
    #[error("cannot emulate a network here: {0}")]
    Unavailable(String),
    /// An `ip` command failed.
    #[error("`{command}` failed: {output}")]
    Ip {
        /// The command line.
        command: String,
        /// What it wrote to standard error.
        output: String,
    },
    /// A system call failed.
    #[error("cannot {action}: {source}")]
    System {
        /// What was attempted.
        action: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// The loss of a link is not a probability.
    #[error("loss must be between 0 and 1, but is {0}")]
    Loss(f64),
    /// The name of a site cannot be used.
    #[error("a site's name must consist of lowercase letters, digits and hyphens, and be unique, but one is {0:?}")]
    SiteName(String),
    /// There are more sites than addresses.
    #[error("at most {max} sites are possible, but there are {count}", max = crate::site::MAX_SITES)]
    TooManySites {
        /// The number of sites.
        count: usize,
    },
}

impl Error {
    /// An error of a system call. Missing devices and rights are properties of the machine, not faults.
    pub(crate) fn of_system(action: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                Self::Unavailable(format!("cannot {action}: {source}"))
            }
            _ => Self::System { action, source },
        }
    }
}
