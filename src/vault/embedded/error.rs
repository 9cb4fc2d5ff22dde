//! Why a key file cannot be used.

use super::KeyName;
use crate::links::LinkError;
use crate::lock_holder::LockHolder;
use crate::tezos::EncryptedKeyError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Why the key file cannot be used. Holds no part of any key.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// The file system reported an error.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("{} is still locked by {holder} after {} s: stop that process, then try again", path.display(), waited.as_secs())]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// The process that holds the lock.
        holder: LockHolder,
        /// How long this process waited.
        waited: Duration,
    },
    /// A name is a dangling symbolic link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The file existed and is gone.
    #[error("{} is gone", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The file is encrypted, and there is no passphrase.
    #[error("{} is encrypted: set LOCAL_VAULT_PASSPHRASE_FILE or LOCAL_VAULT_PASSPHRASE", path.display())]
    PassphraseMissing {
        /// The file.
        path: PathBuf,
    },
    /// A file in the age format of earlier versions, which is no longer supported.
    #[error(
        "{} is an age file, the format of earlier versions. Decrypt it with the age tool (https://age-encryption.org): \
         umask 077 && age --decrypt --output {} {} && rm {}. With the passphrase set, the next command encrypts the keys \
         again, in the current format",
        age.display(),
        keys.display(),
        age.display(),
        age.display()
    )]
    AgeFile {
        /// The old file.
        age: PathBuf,
        /// The current key file.
        keys: PathBuf,
    },
    /// There is a file of an earlier version and a current one.
    #[error(
        "there are two key files, {} of an earlier version and {}: keep the right one, and move the other away",
        age.display(),
        keys.display()
    )]
    Both {
        /// The old file.
        age: PathBuf,
        /// The current file.
        keys: PathBuf,
    },
    /// The passphrase is wrong, or the file is damaged.
    #[error("{}: the secret key of '{name}': {source}; is the passphrase right?", path.display())]
    Decrypt {
        /// The file.
        path: PathBuf,
        /// The name of the key.
        name: KeyName,
        /// The error.
        source: EncryptedKeyError,
    },
    /// A key cannot be encrypted.
    #[error("{}: {source}", path.display())]
    Encrypt {
        /// The file.
        path: PathBuf,
        /// The error.
        source: EncryptedKeyError,
    },
    /// The contents are invalid.
    #[error("{} is not a key file: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why they are invalid.
        reason: String,
    },
    /// A key already has the name.
    #[error("a key named '{name}' already exists")]
    NameTaken {
        /// The taken name.
        name: KeyName,
    },
    /// The key is already in the file.
    #[error("this key already exists, named '{name}'")]
    KeyThere {
        /// The name of the existing key.
        name: KeyName,
    },
}
