//! What the commands on sealed keys read: recipients, stores, and recovery keys.

use super::super::CommandError;
use super::location::{InAzure, deadline};
use azurehsm_signer::marks::StoreIdentity;
use azurehsm_signer::text;
use azurehsm_signer::vault::key_vault::{ANSWER_TIMEOUT, KeyUnwrapper};
use azurehsm_signer::vault::sealed::{InvalidRecipient, RecipientId, RecipientKey, RecoveryKey, RsaPublicKey};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;
use zeroize::Zeroizing;

/// A recipient on the command line.
#[derive(Debug, Clone)]
pub(crate) enum RecipientArgument {
    /// A recovery key.
    Offline(PathBuf),
    /// A key in a vault, with the file of its public key. Without one, the vault has it.
    InVault(RecipientId, Option<PathBuf>),
}

/// Why an argument is not a recipient.
#[derive(Debug, Error)]
pub(crate) enum InvalidArgument {
    /// The identifier.
    #[error(transparent)]
    Identifier(#[from] InvalidRecipient),
    /// A key in a vault, with an empty file name.
    #[error(
        "expected {id}=FILE, where FILE has the public key in PEM (az keyvault key download --id {id} --encoding PEM --file FILE), \
         or {id} alone, whose public key is then read from the vault"
    )]
    NoFile {
        /// The recipient.
        id: String,
    },
    /// A key that is released to confidential containers, without a file.
    #[error(
        "expected {id}=FILE, where FILE has the public key in PEM: az keyvault key download --id {} --encoding PEM --file FILE",
        .id.trim_start_matches("release:")
    )]
    NoReleaseFile {
        /// The recipient.
        id: String,
    },
}

impl FromStr for RecipientArgument {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        if !text.starts_with("https://") && !text.starts_with("release:") {
            return Ok(Self::Offline(PathBuf::from(text)));
        }
        match text.split_once('=') {
            None | Some((_, "")) if text.starts_with("release:") => {
                Err(InvalidArgument::NoReleaseFile { id: text.trim_end_matches('=').to_owned() })
            }
            Some((id, "")) => Err(InvalidArgument::NoFile { id: id.to_owned() }),
            Some((id, file)) => Ok(Self::InVault(id.parse()?, Some(PathBuf::from(file)))),
            None => Ok(Self::InVault(text.parse()?, None)),
        }
    }
}

impl RecipientArgument {
    /// Reads the public keys.
    pub(super) async fn read_all(azure: &InAzure, arguments: &[Self]) -> Result<Vec<RecipientKey>, CommandError> {
        let mut keys = Vec::new();
        for argument in arguments {
            keys.push(match argument {
                Self::Offline(file) => RecipientKey::offline(public_key_in(file)?),
                Self::InVault(id, Some(file)) => RecipientKey::new(id.clone(), public_key_in(file)?)?,
                Self::InVault(id, None) => RecipientKey::new(id.clone(), public_key_of(azure, id).await?)?,
            });
        }
        Ok(keys)
    }
}

fn public_key_in(file: &Path) -> Result<RsaPublicKey, CommandError> {
    let in_file = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let pem = text::read_secret(file).map_err(|error| in_file(&error))?;
    Ok(RsaPublicKey::from_pem(&pem).map_err(|error| in_file(&error))?)
}

/// Reads the public key of a recipient from its vault, which must have it in hardware.
async fn public_key_of(azure: &InAzure, id: &RecipientId) -> Result<RsaPublicKey, CommandError> {
    let RecipientId::Vault { vault, key } = id else {
        return Err(format!("expected {id}=FILE, where FILE has the public key in PEM").into());
    };
    let (_, azure) = azure.get()?;
    let of_key = |error: &dyn std::fmt::Display| {
        format!(
            "{id}: {error}. {id}=FILE reads the public key from a file instead: az keyvault key download --id {id} --encoding PEM \
             --file FILE"
        )
    };
    let client = KeyUnwrapper::new(vault, Arc::clone(&azure.tokens), azure.roots.clone(), ANSWER_TIMEOUT)
        .map_err(|error| of_key(&error))?;
    let found = client.read_key(key, deadline()).await.map_err(|error| of_key(&error.log()))?;
    Ok(RsaPublicKey::from_components(&found.modulus, &found.exponent).map_err(|error| of_key(&error))?)
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
