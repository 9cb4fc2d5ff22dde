//! Recipients of a sealed key: the RSA keys that can unwrap its data key.

use super::rsa_public_key::{Fingerprint, InvalidRsaKey, RsaPublicKey};
use crate::vault::key_vault::{InvalidIdentifier, KeyIdentifier, VaultUrl};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The only algorithm for data keys: RSA-OAEP with SHA-256, under its name in Key Vault.
pub const ALGORITHM: &str = "RSA-OAEP-256";

/// The most recipients of a key.
pub const MAX_RECIPIENTS: usize = 16;

const OFFLINE: &str = "offline:";

const RELEASE: &str = "release:";

/// Identifies a recipient.
#[derive(Clone, PartialEq, Eq)]
pub enum RecipientId {
    /// One version of an RSA key in Key Vault or Managed HSM.
    Vault {
        /// The vault.
        vault: VaultUrl,
        /// The key and its version.
        key: KeyIdentifier,
    },
    /// One version of an RSA key that the vault releases to confidential containers, by the key's policy. They unwrap with it themselves.
    Release {
        /// The vault.
        vault: VaultUrl,
        /// The key and its version.
        key: KeyIdentifier,
    },
    /// A recovery key, whose private part is kept offline.
    Offline(Fingerprint),
}

impl FromStr for RecipientId {
    type Err = InvalidRecipient;

    /// Reads `https://<vault>/keys/<name>/<version>`, the same after `release:`, or `offline:<SHA-256>`. There is one way to write each.
    fn from_str(text: &str) -> Result<Self, InvalidRecipient> {
        if let Some(fingerprint) = text.strip_prefix(OFFLINE) {
            return Ok(Self::Offline(fingerprint.parse()?));
        }
        let released = text.strip_prefix(RELEASE);
        let url = released.unwrap_or(text);
        let (host, _) = url.split_once("/keys/").ok_or(InvalidRecipient::NotAnIdentifier)?;
        let (vault, key): (VaultUrl, _) = (format!("{host}/").parse()?, url.parse()?);
        if released.is_some() && vault.as_url().port().is_some() {
            return Err(InvalidRecipient::ReleasePort);
        }
        let id = if released.is_some() { Self::Release { vault, key } } else { Self::Vault { vault, key } };
        let expected = id.to_string();
        if expected == text { Ok(id) } else { Err(InvalidRecipient::NotCanonical { expected }) }
    }
}

impl fmt::Display for RecipientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault { vault, key } => write!(formatter, "{vault}keys/{key}"),
            Self::Release { vault, key } => write!(formatter, "{RELEASE}{vault}keys/{key}"),
            Self::Offline(fingerprint) => write!(formatter, "{OFFLINE}{fingerprint}"),
        }
    }
}

impl fmt::Debug for RecipientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RecipientId({self})")
    }
}

/// Whom to seal a key for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientKey {
    id: RecipientId,
    public_key: RsaPublicKey,
}

impl RecipientKey {
    /// A recovery key, which is kept offline.
    pub fn offline(public_key: RsaPublicKey) -> Self {
        Self { id: RecipientId::Offline(public_key.fingerprint()), public_key }
    }

    /// A recipient with its public key.
    ///
    /// # Errors
    /// [`InvalidRecipient::OtherKey`] if the identifier of a recovery key is not that of the public key.
    pub fn new(id: RecipientId, public_key: RsaPublicKey) -> Result<Self, InvalidRecipient> {
        match &id {
            RecipientId::Offline(fingerprint) if *fingerprint != public_key.fingerprint() => {
                Err(InvalidRecipient::OtherKey)
            }
            _ => Ok(Self { id, public_key }),
        }
    }

    /// Its identifier.
    pub const fn id(&self) -> &RecipientId {
        &self.id
    }

    /// Its public key.
    pub const fn public_key(&self) -> &RsaPublicKey {
        &self.public_key
    }
}

/// A recipient, with the data key that only it can unwrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    key: RecipientKey,
    wrapped_key: Vec<u8>,
}

impl Recipient {
    /// A recipient with the wrapped data key.
    ///
    /// # Errors
    /// [`InvalidRecipient::WrappedLength`] if the wrapped key is not as long as the RSA key.
    pub fn new(key: RecipientKey, wrapped_key: Vec<u8>) -> Result<Self, InvalidRecipient> {
        let (found, expected) = (wrapped_key.len(), key.public_key.length());
        if found == expected {
            Ok(Self { key, wrapped_key })
        } else {
            Err(InvalidRecipient::WrappedLength { found, expected })
        }
    }

    /// Who it is.
    pub const fn key(&self) -> &RecipientKey {
        &self.key
    }

    /// The data key, encrypted with the recipient's public key.
    pub fn wrapped_key(&self) -> &[u8] {
        &self.wrapped_key
    }
}

/// Checks the recipients of one key together.
pub(super) fn check<'a>(keys: impl Iterator<Item = &'a RecipientKey>) -> Result<(), InvalidRecipients> {
    let keys: Vec<_> = keys.collect();
    if keys.len() > MAX_RECIPIENTS {
        return Err(InvalidRecipients::TooMany { found: keys.len() });
    }
    for (index, key) in keys.iter().enumerate() {
        if keys.iter().take(index).any(|other| other.id == key.id) {
            return Err(InvalidRecipients::Repeated { id: key.id.to_string() });
        }
        if keys.iter().take(index).any(|other| other.public_key == key.public_key) {
            return Err(InvalidRecipients::SameKey { id: key.id.to_string() });
        }
    }
    if keys.iter().all(|key| matches!(key.id, RecipientId::Offline(_))) {
        return Err(InvalidRecipients::NoVault);
    }
    if !keys.iter().any(|key| matches!(key.id, RecipientId::Offline(_))) {
        return Err(InvalidRecipients::NoOffline);
    }
    Ok(())
}

/// Why a recipient is invalid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRecipient {
    /// Neither form of an identifier.
    #[error(
        "expected https://<vault>/keys/<name>/<version>, with release: before it if the vault releases the key to confidential \
         containers, or offline:<SHA-256 of the public key>"
    )]
    NotAnIdentifier,
    /// Another port: the sidecar that fetches the key cannot call it.
    #[error(
        "a vault that releases keys to confidential containers is called at port 443: expected release:https://<vault>/… without a port"
    )]
    ReleasePort,
    /// The vault's address or the key's name.
    #[error(transparent)]
    Vault(#[from] InvalidIdentifier),
    /// Another spelling of a valid identifier.
    #[error("expected it written as {expected}")]
    NotCanonical {
        /// The only spelling.
        expected: String,
    },
    /// The public key.
    #[error("{0}")]
    PublicKey(#[from] InvalidRsaKey),
    /// The identifier of a recovery key is that of another one.
    #[error("the public key is not the one that the identifier names")]
    OtherKey,
    /// The wrapped data key has the wrong length.
    #[error("the wrapped key has {found} bytes, expected {expected}, as the recipient's RSA key")]
    WrappedLength {
        /// Its length in bytes.
        found: usize,
        /// The length of the RSA key in bytes.
        expected: usize,
    },
}

/// Why a key cannot have these recipients.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidRecipients {
    /// More than [`MAX_RECIPIENTS`].
    #[error("{found} recipients, expected at most {MAX_RECIPIENTS}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// The same recipient twice.
    #[error("{id} occurs twice")]
    Repeated {
        /// The recipient.
        id: String,
    },
    /// One RSA key under two identifiers, so that losing it loses both.
    #[error("{id} has the public key of another recipient")]
    SameKey {
        /// The second of the two.
        id: String,
    },
    /// No signer could open the key.
    #[error(
        "expected a recipient in a vault (https://<vault>/keys/<name>/<version>): without one, no signer can open the key"
    )]
    NoVault,
    /// Losing the vaults would lose the key.
    #[error("expected an offline recovery key (a public key in PEM): without one, the key is lost with its vaults")]
    NoOffline,
}
