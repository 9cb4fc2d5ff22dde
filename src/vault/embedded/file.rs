//! The key file of the local vault: reading, replacing and locking it.

use super::contents::{CannotDecrypt, Contents, InvalidContents};
use super::lock::{LOCK_TIMEOUT, lock};
use super::{KeyFileError, KeyName};
use crate::links::resolve;
use crate::tezos::SecretKey;
use secrecy::SecretString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The file of a local vault: `keys.json` in the data folder. Mode 0600.
///
/// `{"version": 1, "keys": [{"name": "…", "secret_key": "edsk…"}]}`; with a passphrase, each secret key is encrypted as Octez
/// does it (`edesk…`). The names are not.
#[derive(Clone)]
pub struct KeyFile {
    folder: PathBuf,
    passphrase: Option<SecretString>,
}

const NAME: &str = "keys.json";
const LOCK: &str = "keys.lock";

/// Where earlier versions wrote encrypted keys.
const AGE_FILE: &str = "keys.json.age";

impl KeyFile {
    /// The key file in `folder`. With a passphrase, plain keys in it are encrypted.
    ///
    /// # Errors
    /// [`KeyFileError`], in particular if a key is encrypted and there is no passphrase.
    pub fn open(folder: &Path, passphrase: Option<SecretString>) -> Result<Self, KeyFileError> {
        let file = Self::open_to_read(folder, passphrase)?;
        if file.passphrase.is_some() && file.has_plain_keys()? {
            // Until then, other processes cannot add keys.
            let _locked = file.lock()?;
            // All keys have the same passphrase.
            file.read()?;
            file.write(file.contents()?)?;
        }
        Ok(file)
    }

    /// The key file in `folder`, which is not changed.
    ///
    /// # Errors
    /// [`KeyFileError`], in particular if a key is encrypted and there is no passphrase.
    pub fn open_to_read(folder: &Path, passphrase: Option<SecretString>) -> Result<Self, KeyFileError> {
        let file = Self { folder: folder.to_owned(), passphrase };
        file.contents()?;
        Ok(file)
    }

    /// Whether it has a plain key.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn has_plain_keys(&self) -> Result<bool, KeyFileError> {
        Ok(self.contents()?.has_plain_keys())
    }

    /// Reads the file; empty if it does not exist.
    fn contents(&self) -> Result<Contents, KeyFileError> {
        let (keys, age) = (self.path(), self.folder.join(AGE_FILE));
        match (resolve(&keys)?.is_some(), resolve(&age)?.is_some()) {
            (true, true) => return Err(KeyFileError::Both { age, keys }),
            (false, true) => return Err(KeyFileError::AgeFile { age, keys }),
            _ => {}
        }
        let bytes = match fs::read(&keys) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::empty()),
            Err(source) => return Err(KeyFileError::Io { path: keys, source }),
        };
        let contents = Contents::parse(&bytes).map_err(|error| self.invalid(error))?;
        if self.passphrase.is_none() && contents.has_encrypted_keys() {
            return Err(KeyFileError::PassphraseMissing { path: keys });
        }
        Ok(contents)
    }

    fn invalid(&self, InvalidContents(reason): InvalidContents) -> KeyFileError {
        KeyFileError::Invalid { path: self.path(), reason }
    }

    /// Prevents other processes from writing until the result is dropped.
    fn lock(&self) -> Result<File, KeyFileError> {
        lock(&self.folder.join(LOCK), LOCK_TIMEOUT)
    }

    /// Creates the data folder, accessible to the owner only, if it does not exist.
    ///
    /// # Errors
    /// [`KeyFileError::Io`]; [`KeyFileError::Link`] if it is a dangling symbolic link.
    pub fn make_folder(folder: &Path) -> Result<(), KeyFileError> {
        resolve(folder)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| KeyFileError::Io { path: folder.to_owned(), source })
    }

    /// The path of the file.
    pub fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// The permission bits of the file, if users other than its owner have any.
    pub fn permissions_of_others(&self) -> Option<u32> {
        const ALL: u32 = 0o777;
        const OTHERS: u32 = 0o077;
        let mode = fs::metadata(self.path()).ok()?.mode() & ALL;
        (mode & OTHERS != 0).then_some(mode)
    }

    /// Whether the file exists.
    pub fn exists(&self) -> bool {
        self.path().exists()
    }

    /// The keys in the order in which they were added; none if the file does not exist.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn read(&self) -> Result<Vec<(KeyName, SecretKey)>, KeyFileError> {
        let keys = self
            .contents()?
            .decrypt(self.passphrase.as_ref())
            .map_err(|CannotDecrypt { name, source }| KeyFileError::Decrypt { path: self.path(), name, source })?;
        for (index, (name, key)) in keys.iter().enumerate() {
            if let Some((other, _)) = keys.iter().take(index).find(|(_, other)| other.public_key() == key.public_key())
            {
                return Err(self.invalid(InvalidContents(format!("'{other}' and '{name}' are the same key"))));
            }
        }
        Ok(keys)
    }

    /// Adds a key. Other processes that add one at the same time wait.
    ///
    /// # Errors
    /// [`KeyFileError::NameTaken`] or [`KeyFileError::KeyThere`] if the file already has the name or the key.
    pub fn add(&self, name: KeyName, key: SecretKey) -> Result<(), KeyFileError> {
        let _locked = self.lock()?;
        for (other, there) in self.read()? {
            if other == name {
                return Err(KeyFileError::NameTaken { name });
            }
            if there.public_key() == key.public_key() {
                return Err(KeyFileError::KeyThere { name: other });
            }
        }
        let mut contents = self.contents()?;
        contents.push(name, key);
        self.write(contents)
    }

    /// Identifies the current state of the file.
    pub(super) fn stamp(&self) -> Result<Stamp, KeyFileError> {
        let path = self.path();
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Stamp(Some((metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Stamp(None)),
            Err(source) => Err(KeyFileError::Io { path, source }),
        }
    }

    /// Writes a new file and renames it over the old one, so that the file is complete at every instant.
    fn write(&self, mut contents: Contents) -> Result<(), KeyFileError> {
        let path = self.path();
        if let Some(passphrase) = &self.passphrase {
            contents =
                contents.encrypt(passphrase).map_err(|source| KeyFileError::Encrypt { path: path.clone(), source })?;
        }
        let bytes = contents.to_json().map_err(|error| self.invalid(error))?;
        // Keep a symbolic link.
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

/// A state of the file: inode, length and modification time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    pub(super) const fn is_of_no_file(&self) -> bool {
        self.0.is_none()
    }
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
