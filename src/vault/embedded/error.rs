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
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: io::Error,
    },
    /// Another process keeps it from being written.
    #[error("{} is still locked by {holder} after {} s: stop that process, then try again", path.display(), waited.as_secs())]
    InUse {
        /// The lock's file.
        path: PathBuf,
        /// Who has it.
        holder: LockHolder,
        /// How long it was waited for.
        waited: Duration,
    },
    /// A name is a symbolic link that leads nowhere.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It was there, and is not any more.
    #[error("{} is gone", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// An encrypted file, and no passphrase.
    #[error("{} is encrypted: set LOCAL_VAULT_PASSPHRASE_FILE or LOCAL_VAULT_PASSPHRASE", path.display())]
    PassphraseMissing {
        /// The file.
        path: PathBuf,
    },
    /// A file of an earlier version, in a format that this one does not read.
    #[error(
        "{} is an age file, the format of earlier versions. Decrypt it with the age tool (https://age-encryption.org): \
         umask 077 && age --decrypt --output {} {} && rm {}. With the passphrase set, the next command encrypts the keys \
         again, in today's format",
        age.display(),
        keys.display(),
        age.display(),
        age.display()
    )]
    AgeFile {
        /// The old file.
        age: PathBuf,
        /// Where its contents belong.
        keys: PathBuf,
    },
    /// A file of an earlier version, and one of this version.
    #[error(
        "there are two key files, {} of an earlier version and {}: keep the right one, move the other away",
        age.display(),
        keys.display()
    )]
    Both {
        /// The old file.
        age: PathBuf,
        /// The file of this version.
        keys: PathBuf,
    },
    /// The passphrase does not fit, or the file is damaged.
    #[error("{}: the secret key of '{name}': {source}; is the passphrase right?", path.display())]
    Decrypt {
        /// The file.
        path: PathBuf,
        /// Whose key.
        name: KeyName,
        /// Why.
        source: EncryptedKeyError,
    },
    /// A key cannot be encrypted.
    #[error("{}: {source}", path.display())]
    Encrypt {
        /// The file.
        path: PathBuf,
        /// Why.
        source: EncryptedKeyError,
    },
    /// The contents are not what they should be.
    #[error("{} is not a key file: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A key of that name is there.
    #[error("there is a key named '{name}' already")]
    NameTaken {
        /// The name.
        name: KeyName,
    },
    /// That key is there.
    #[error("this key is there already, named '{name}'")]
    KeyThere {
        /// The name that it has.
        name: KeyName,
    },
}
