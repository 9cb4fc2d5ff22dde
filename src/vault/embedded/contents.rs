//! The contents of a key file: JSON with names and secret keys, each plain or encrypted with the passphrase.

use super::KeyName;
use crate::json::{self, JsonError, Repeated};
use crate::text;
use crate::tezos::{EncryptedKeyError, EncryptedSecretKey, SecretKey};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

const FORMAT_VERSION: u32 = 1;

/// The keys of a file as written, in the order in which they were added.
pub(super) struct Contents(Vec<StoredKey>);

struct StoredKey {
    name: KeyName,
    secret_key: Stored,
}

enum Stored {
    Plain(Box<SecretKey>),
    Encrypted(EncryptedSecretKey),
}

/// Why a text is not the contents of a key file. Holds no part of any key.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct InvalidContents(pub(super) String);

/// A key that the passphrase does not decrypt.
#[derive(Debug)]
pub(super) struct CannotDecrypt {
    pub(super) name: KeyName,
    pub(super) source: EncryptedKeyError,
}

impl Contents {
    pub(super) const fn empty() -> Self {
        Self(Vec::new())
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, InvalidContents> {
        let invalid = |reason: String| InvalidContents(reason);
        let text = text::decode(bytes).map_err(|error| invalid(error.to_string()))?;
        let file: File = json::from_text(text).map_err(|error| invalid(without_values(&error)))?;
        if file.version != FORMAT_VERSION {
            return Err(invalid(format!("its version is {}, this release supports {FORMAT_VERSION}", file.version)));
        }
        let mut keys: Vec<StoredKey> = Vec::with_capacity(file.keys.len());
        for Entry { name, secret_key } in &file.keys {
            let name: KeyName = name.parse().map_err(|error| invalid(format!("{error}")))?;
            let secret_key = match EncryptedSecretKey::from_text(secret_key) {
                Some(encrypted) => Stored::Encrypted(encrypted),
                None => Stored::Plain(Box::new(
                    SecretKey::from_text(secret_key)
                        .map_err(|error| invalid(format!("the secret key of '{name}': {error}")))?,
                )),
            };
            if keys.iter().any(|other| other.name == name) {
                return Err(invalid(format!("'{name}' occurs twice")));
            }
            keys.push(StoredKey { name, secret_key });
        }
        Ok(Self(keys))
    }

    pub(super) fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, InvalidContents> {
        let entry = |key: &StoredKey| Entry {
            name: key.name.to_string(),
            secret_key: match &key.secret_key {
                Stored::Plain(key) => key.to_text(),
                Stored::Encrypted(key) => Zeroizing::new(key.to_text()),
            },
        };
        let file = File { version: FORMAT_VERSION, keys: self.0.iter().map(entry).collect() };
        serde_json::to_vec_pretty(&file).map(Zeroizing::new).map_err(|error| InvalidContents(error.to_string()))
    }

    pub(super) fn has_encrypted_keys(&self) -> bool {
        self.0.iter().any(|key| matches!(key.secret_key, Stored::Encrypted(_)))
    }

    pub(super) fn has_plain_keys(&self) -> bool {
        self.0.iter().any(|key| matches!(key.secret_key, Stored::Plain(_)))
    }

    pub(super) fn push(&mut self, name: KeyName, key: SecretKey) {
        self.0.push(StoredKey { name, secret_key: Stored::Plain(Box::new(key)) });
    }

    /// Encrypts plain keys. Encrypted ones are unchanged.
    pub(super) fn encrypt(self, passphrase: &SecretString) -> Result<Self, EncryptedKeyError> {
        let encrypt = |StoredKey { name, secret_key }| {
            let encrypted = match secret_key {
                Stored::Plain(key) => EncryptedSecretKey::encrypt(&key, passphrase)?,
                Stored::Encrypted(encrypted) => encrypted,
            };
            Ok(StoredKey { name, secret_key: Stored::Encrypted(encrypted) })
        };
        self.0.into_iter().map(encrypt).collect::<Result<_, _>>().map(Self)
    }

    /// Decrypts the keys. Encrypted ones need the passphrase: see [`Self::has_encrypted_keys`].
    pub(super) fn decrypt(self, passphrase: Option<&SecretString>) -> Result<Vec<(KeyName, SecretKey)>, CannotDecrypt> {
        let decrypt = |StoredKey { name, secret_key }| {
            let secret = match (secret_key, passphrase) {
                (Stored::Plain(secret), _) => Ok(*secret),
                (Stored::Encrypted(encrypted), Some(passphrase)) => encrypted.decrypt(passphrase),
                (Stored::Encrypted(_), None) => Err(EncryptedKeyError::WrongPassword),
            };
            match secret {
                Ok(secret) => Ok((name, secret)),
                Err(source) => Err(CannotDecrypt { name, source }),
            }
        };
        self.0.into_iter().map(decrypt).collect()
    }
}

/// Describes the error without quoting the text: `serde_json` quotes values, and a name may be a misplaced secret.
fn without_values(error: &JsonError) -> String {
    match error {
        JsonError::Repeated(Repeated { name, line, column, .. }) => {
            let name = FIELDS.iter().find(|field| *field == name).unwrap_or(&"a name");
            format!("{name} occurs twice (again at line {line}, column {column}): keep the right one")
        }
        JsonError::Invalid(error) => format!("not valid at line {}, column {}", error.line(), error.column()),
    }
}

/// All field names of the format.
const FIELDS: [&str; 4] = ["version", "keys", "name", "secret_key"];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    secret_key: Zeroizing<String>,
}
