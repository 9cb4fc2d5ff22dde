use super::lock::{LOCK_TIMEOUT, lock};
use crate::json::{self, JsonError, Repeated};
use crate::links::{LinkError, resolve};
use crate::lock_holder::LockHolder;
use crate::text;
use crate::tezos::SecretKey;
use age::secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, str::FromStr};
use thiserror::Error;
use zeroize::Zeroizing;

/// The file of a local vault: `keys.json`, or `keys.json.age` with a passphrase, in the data folder. Mode 0600.
///
/// `{"version": 1, "keys": [{"name": "…", "secret_key": "edsk…"}]}`; with a passphrase, that text encrypted in the
/// [age](https://age-encryption.org/v1) format, which the `age` tool reads too.
#[derive(Clone)]
pub struct KeyFile {
    folder: PathBuf,
    passphrase: Option<SecretString>,
}

const PLAIN: &str = "keys.json";
const ENCRYPTED: &str = "keys.json.age";
const LOCK: &str = "keys.lock";

/// Cost of the passphrase: 2^17 rounds of scrypt, 128 MiB and some tenths of a second.
const WORK_FACTOR: u8 = 17;

/// What is accepted from files that another tool wrote.
const MOST_WORK_FACTOR: u8 = 20;

const FORMAT_VERSION: u32 = 1;

impl KeyFile {
    /// The key file in `folder`. A plain file there is encrypted if there is a passphrase.
    ///
    /// # Errors
    /// [`KeyFileError`], in particular if there is an encrypted file but no passphrase.
    pub fn open(folder: &Path, passphrase: Option<SecretString>) -> Result<Self, KeyFileError> {
        let file = Self { folder: folder.to_owned(), passphrase };
        if file.find()? == Found::ToBeEncrypted {
            file.encrypt()?;
        }
        Ok(file)
    }

    /// Encrypts a plain file. Whoever adds a key meanwhile waits, and finds the encrypted file.
    fn encrypt(&self) -> Result<(), KeyFileError> {
        let _locked = self.lock()?;
        if self.find()? == Found::ToBeEncrypted {
            let plain = Self { folder: self.folder.clone(), passphrase: None };
            self.write(&plain.read()?)?;
            // Behind a symbolic link, the keys themselves come first.
            for path in resolve(&plain.path())?.into_iter().chain([plain.path()]) {
                match fs::remove_file(&path) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        return Err(KeyFileError::Io { path, source });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Which files there are, and whether they go with the passphrase.
    fn find(&self) -> Result<Found, KeyFileError> {
        let (plain, encrypted) = (self.folder.join(PLAIN), self.folder.join(ENCRYPTED));
        match (resolve(&plain)?.is_some(), resolve(&encrypted)?.is_some(), &self.passphrase) {
            (true, true, _) => Err(KeyFileError::Both { plain, encrypted }),
            (false, true, None) => Err(KeyFileError::PassphraseMissing { path: encrypted }),
            (true, false, Some(_)) => Ok(Found::ToBeEncrypted),
            _ => Ok(Found::AsItShouldBe),
        }
    }

    /// Keeps other processes from writing until it is dropped.
    fn lock(&self) -> Result<File, KeyFileError> {
        lock(&self.folder.join(LOCK), LOCK_TIMEOUT)
    }

    /// Makes the data folder, for the owner only, if it does not exist.
    ///
    /// # Errors
    /// [`KeyFileError::Io`]; [`KeyFileError::Link`] if it is a symbolic link that leads nowhere.
    pub fn make_folder(folder: &Path) -> Result<(), KeyFileError> {
        resolve(folder)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| KeyFileError::Io { path: folder.to_owned(), source })
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.join(if self.passphrase.is_some() { ENCRYPTED } else { PLAIN })
    }

    /// The permissions of the file, if others than its owner have any.
    pub fn permissions_of_others(&self) -> Option<u32> {
        const ALL: u32 = 0o777;
        const OTHERS: u32 = 0o077;
        let mode = fs::metadata(self.path()).ok()?.mode() & ALL;
        (mode & OTHERS != 0).then_some(mode)
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.path().exists()
    }

    /// The keys in it, in the order in which they were added; none if there is no file yet.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read(&self) -> Result<Vec<(KeyName, SecretKey)>, KeyFileError> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(KeyFileError::Io { path, source }),
        };
        let text = match &self.passphrase {
            None => bytes,
            Some(passphrase) => {
                let mut identity = age::scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(MOST_WORK_FACTOR);
                let text = age::decrypt(&identity, text::without_mark(&bytes))
                    .map_err(|error| KeyFileError::Decrypt { path: path.clone(), why: error.to_string() })?;
                Zeroizing::new(text)
            }
        };
        let invalid = |why: String| KeyFileError::Invalid { path: path.clone(), why };
        let text = text::decode(&text).map_err(|error| invalid(error.to_string()))?;
        let contents: Contents = json::from_text(text).map_err(|error| invalid(without_values(&error)))?;
        if contents.version != FORMAT_VERSION {
            return Err(invalid(format!("version {}, this program reads {FORMAT_VERSION}", contents.version)));
        }
        let mut keys: Vec<(KeyName, SecretKey)> = Vec::with_capacity(contents.keys.len());
        for entry in &contents.keys {
            let name: KeyName = entry.name.parse().map_err(|error| invalid(format!("{error}")))?;
            let secret = SecretKey::from_text(&entry.secret_key)
                .map_err(|error| invalid(format!("the secret key of '{name}': {error}")))?;
            if let Some((other, _)) =
                keys.iter().find(|(other, key)| *other == name || key.public_key() == secret.public_key())
            {
                return Err(invalid(format!("'{other}' and '{name}' have the same name or the same key")));
            }
            keys.push((name, secret));
        }
        Ok(keys)
    }

    /// Adds a key. Other processes that add one at the same time wait.
    ///
    /// # Errors
    /// [`KeyFileError::NameTaken`] or [`KeyFileError::KeyThere`] if the name or the key is in it already.
    pub fn add(&self, name: KeyName, key: SecretKey) -> Result<(), KeyFileError> {
        let _locked = self.lock()?;
        if self.find()? == Found::ToBeEncrypted {
            return Err(KeyFileError::Both { plain: self.folder.join(PLAIN), encrypted: self.path() });
        }
        let mut keys = self.read()?;
        for (other, there) in &keys {
            if *other == name {
                return Err(KeyFileError::NameTaken { name });
            }
            if there.public_key() == key.public_key() {
                return Err(KeyFileError::KeyThere { name: other.clone() });
            }
        }
        keys.push((name, key));
        self.write(&keys)
    }

    /// Changes whenever the file does.
    pub(super) fn stamp(&self) -> Result<Stamp, KeyFileError> {
        let path = self.path();
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Stamp(Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stamp(None)),
            Err(source) => Err(KeyFileError::Io { path, source }),
        }
    }

    /// Writes another file and renames it over the old one, so that there is a whole file at every instant.
    fn write(&self, keys: &[(KeyName, SecretKey)]) -> Result<(), KeyFileError> {
        let path = self.path();
        let contents = Contents {
            version: FORMAT_VERSION,
            keys: keys.iter().map(|(name, key)| Entry { name: name.to_string(), secret_key: key.to_text() }).collect(),
        };
        let invalid = |why: String| KeyFileError::Invalid { path: path.clone(), why };
        let text = Zeroizing::new(serde_json::to_vec_pretty(&contents).map_err(|error| invalid(error.to_string()))?);
        let bytes = match &self.passphrase {
            None => text,
            Some(passphrase) => {
                let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(WORK_FACTOR);
                let armored = age::encrypt_and_armor(&recipient, &text).map_err(|error| invalid(error.to_string()))?;
                Zeroizing::new(armored.into_bytes())
            }
        };
        // A symbolic link stays one.
        let real = resolve(&path)?.unwrap_or_else(|| path.clone());
        let unfinished = real.with_extension("new");
        let written = (|| {
            match fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = owner_only().create_new(true).open(&unfinished)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&unfinished, &real)?;
            File::open(real.parent().unwrap_or(&self.folder))?.sync_all()
        })();
        written.map_err(|source| KeyFileError::Io { path: path.clone(), source })
    }
}

#[derive(PartialEq, Eq)]
enum Found {
    AsItShouldBe,
    /// A plain file, and a passphrase.
    ToBeEncrypted,
}

/// Tells one state of the file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    pub(super) const fn is_of_no_file(&self) -> bool {
        self.0.is_none()
    }
}

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

/// A text that cannot name a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' cannot be a key's name: 1 to 127 letters, digits, - and _ can")]
pub struct InvalidKeyName(String);

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
    /// A plain and an encrypted file.
    #[error(
        "there are two key files, {} and {}: keep the right one, move the other away",
        plain.display(),
        encrypted.display()
    )]
    Both {
        /// The plain file.
        plain: PathBuf,
        /// The encrypted one.
        encrypted: PathBuf,
    },
    /// The passphrase does not fit, or the file is damaged.
    #[error("{} cannot be decrypted: {why}; is the passphrase right?", path.display())]
    Decrypt {
        /// The file.
        path: PathBuf,
        /// What age says.
        why: String,
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

/// What is wrong with the text, without a part of it: `serde_json` quotes values, and a name may be a secret in the wrong place.
fn without_values(error: &JsonError) -> String {
    match error {
        JsonError::Repeated(Repeated { name, line, column, .. }) => {
            let name = FIELDS.iter().find(|field| *field == name).unwrap_or(&"a name");
            format!("{name} is there twice (again in line {line}, column {column}): keep the right one")
        }
        JsonError::Invalid(error) => format!("not valid at line {}, column {}", error.line(), error.column()),
    }
}

/// All names in the file.
const FIELDS: [&str; 4] = ["version", "keys", "name", "secret_key"];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    secret_key: Zeroizing<String>,
}

fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::Curve;

    #[test]
    fn a_key_that_is_added_while_the_file_is_being_encrypted_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let new_key = || SecretKey::generate(Curve::P256).unwrap();
        let plain = KeyFile::open(folder.path(), None).unwrap();
        plain.add("first".parse().unwrap(), new_key()).unwrap();
        let encrypted = KeyFile::open(folder.path(), Some(SecretString::from("correct horse"))).unwrap();
        let refused = plain.add("second".parse().unwrap(), new_key());
        assert!(matches!(refused, Err(KeyFileError::PassphraseMissing { .. })));
        encrypted.add("third".parse().unwrap(), new_key()).unwrap();
        let names: Vec<_> = encrypted.read().unwrap().iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names, ["first", "third"]);
    }
}
