//! What the commands on sealed keys read: recipients, stores, and recovery keys.

use super::super::CommandError;
use azurehsm_signer::marks::StoreIdentity;
use azurehsm_signer::text;
use azurehsm_signer::vault::sealed::{InvalidRecipient, RecipientId, RecipientKey, RecoveryKey, RsaPublicKey};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use thiserror::Error;
use zeroize::Zeroizing;

/// A recipient on the command line, with the file of its public key.
#[derive(Debug, Clone)]
pub(crate) enum RecipientArgument {
    /// A recovery key.
    Offline(PathBuf),
    /// A key in a vault.
    InVault(RecipientId, PathBuf),
}

/// Why an argument is not a recipient.
#[derive(Debug, Error)]
pub(crate) enum InvalidArgument {
    /// The identifier.
    #[error(transparent)]
    Identifier(#[from] InvalidRecipient),
    /// A key in a vault, without the file.
    #[error(
        "expected {id}=FILE, where FILE has the public key in PEM: az keyvault key download --id {id} --encoding PEM --file FILE"
    )]
    NoFile {
        /// The recipient.
        id: String,
    },
}

impl FromStr for RecipientArgument {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        if !text.starts_with("https://") {
            return Ok(Self::Offline(PathBuf::from(text)));
        }
        match text.split_once('=') {
            Some((id, file)) if !file.is_empty() => Ok(Self::InVault(id.parse()?, PathBuf::from(file))),
            _ => Err(InvalidArgument::NoFile { id: text.trim_end_matches('=').to_owned() }),
        }
    }
}

impl RecipientArgument {
    /// Reads the public keys.
    pub(super) fn read_all(arguments: &[Self]) -> Result<Vec<RecipientKey>, CommandError> {
        arguments.iter().map(Self::read).collect()
    }

    fn read(&self) -> Result<RecipientKey, CommandError> {
        let (Self::Offline(path) | Self::InVault(_, path)) = self;
        let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let pem = text::read_secret(path).map_err(|error| in_file(&error))?;
        let public_key = RsaPublicKey::from_pem(&pem).map_err(|error| in_file(&error))?;
        Ok(match self {
            Self::Offline(_) => RecipientKey::offline(public_key),
            Self::InVault(id, _) => RecipientKey::new(id.clone(), public_key)?,
        })
    }
}

/// Reads the output of `marks store --json`. With a digest, it must be that of the rest.
pub(super) fn read_store(path: &Path) -> Result<StoreIdentity, CommandError> {
    let in_file = |error: &dyn std::fmt::Display| {
        format!("{}: {error}; expected the output of azurehsm-signer marks store --json", path.display())
    };
    let text = text::read(path).map_err(|error| in_file(&error))?;
    let mut value: Value = serde_json::from_str(&text).map_err(|error| in_file(&error))?;
    let digest = value.as_object_mut().and_then(|object| object.remove("digest"));
    let store: StoreIdentity = serde_json::from_value(value).map_err(|error| in_file(&error))?;
    match digest {
        Some(digest) if digest != store.digest().to_string().as_str() => {
            Err(in_file(&"the digest is not that of this store: the file was changed").into())
        }
        _ => Ok(store),
    }
}

/// Reads the private part of a recovery key. The text is wiped.
pub(super) fn read_recovery_key(path: &Path) -> Result<RecoveryKey, CommandError> {
    const MAX_LENGTH: u64 = 65536;
    let in_file = |error: &dyn std::fmt::Display| format!("--recovery-key {}: {error}", path.display());
    let pem = if path.as_os_str() == "-" {
        let mut bytes = Zeroizing::new(Vec::new());
        std::io::stdin().take(MAX_LENGTH).read_to_end(&mut bytes).map_err(|error| in_file(&error))?;
        Zeroizing::new(text::decode(&bytes).map_err(|error| in_file(&error))?.to_owned())
    } else {
        text::read_secret(path).map_err(|error| in_file(&error))?
    };
    Ok(RecoveryKey::from_pem(&pem).map_err(|error| in_file(&error))?)
}
