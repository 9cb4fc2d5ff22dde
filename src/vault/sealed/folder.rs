//! A folder of sealed keys, each in a file of its own: `<name>.json`.

use super::format::{InvalidSealedKey, MAX_LENGTH};
use super::sealing::SealedKey;
use crate::vault::embedded::KeyName;
use std::fmt::Display;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use thiserror::Error;

const EXTENSION: &str = "json";

/// The extension of a file that is being written.
const UNFINISHED: &str = "new";

/// A folder of sealed keys.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// A file of the folder.
#[derive(Debug)]
pub struct SealedFile {
    /// The name of the key: that of the file, without its extension.
    pub name: String,
    /// The key, or why it cannot be used.
    pub key: Result<SealedKey, FolderError>,
}

/// Why a folder or one of its files cannot be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The file system reported an error.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The file system's error.
        source: io::Error,
    },
    /// A file is not a sealed key.
    #[error("{}: {source}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: InvalidSealedKey,
    },
    /// There is a file with this name.
    #[error("{} already exists", path.display())]
    NameTaken {
        /// The file.
        path: PathBuf,
    },
    /// The same key is in another file: two files could have different purposes.
    #[error("{address} is already sealed in {}", path.display())]
    KeyThere {
        /// The address of the key.
        address: String,
        /// The other file.
        path: PathBuf,
    },
}

impl Folder {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file of a key with this name.
    fn file(&self, name: &dyn Display) -> PathBuf {
        self.path.join(format!("{name}.{EXTENSION}"))
    }

    /// All keys by name, each with the reason if it cannot be used.
    ///
    /// # Errors
    /// [`FolderError::Io`] if the folder cannot be listed.
    pub fn list(&self) -> Result<Vec<SealedFile>, FolderError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|source| self.io(source))? {
            let path = entry.map_err(|source| self.io(source))?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                files.push(SealedFile { name, key: read(&path) });
            }
        }
        files.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(files)
    }

    /// A key.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn read(&self, name: &KeyName) -> Result<SealedKey, FolderError> {
        read(&self.file(name))
    }

    /// Adds a key, under a name that is not in use. Creates the folder if it does not exist.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn add(&self, name: &KeyName, key: &SealedKey) -> Result<(), FolderError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|source| self.io(source))?;
        let _locked = self.lock()?;
        let path = self.file(name);
        if path.exists() || path.is_symlink() {
            return Err(FolderError::NameTaken { path });
        }
        for SealedFile { name, key: there } in self.list()? {
            if there.is_ok_and(|there| there.public_key() == key.public_key()) {
                let address = key.public_key().hash().to_string();
                return Err(FolderError::KeyThere { address, path: self.file(&name) });
            }
        }
        self.write(&path, key)
    }

    /// Replaces a key by what `change` makes of it. No other process changes the file meanwhile. If `change` or the write fails, or
    /// the process dies, the file is as before.
    ///
    /// # Errors
    /// [`FolderError`], or that of `change`.
    pub fn replace<E: From<FolderError>>(
        &self,
        name: &KeyName,
        change: impl FnOnce(&SealedKey) -> Result<SealedKey, E>,
    ) -> Result<SealedKey, E> {
        let _locked = self.lock()?;
        let path = self.file(name);
        let changed = change(&read(&path)?)?;
        self.write(&path, &changed)?;
        Ok(changed)
    }

    /// Keeps other processes from writing until the result is dropped.
    fn lock(&self) -> Result<File, FolderError> {
        let folder = File::open(&self.path).map_err(|source| self.io(source))?;
        folder.lock().map_err(|source| self.io(source))?;
        Ok(folder)
    }

    /// Writes a new file and renames it over the old one, so that the file is complete at every instant.
    fn write(&self, path: &Path, key: &SealedKey) -> Result<(), FolderError> {
        let unfinished = path.with_extension(UNFINISHED);
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            file.write_all(key.to_json().as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            File::open(&self.path)?.sync_all()
        })();
        written.map_err(|source| FolderError::Io { path: path.to_owned(), source })
    }

    fn io(&self, source: io::Error) -> FolderError {
        FolderError::Io { path: self.path.clone(), source }
    }
}

fn read(path: &Path) -> Result<SealedKey, FolderError> {
    let io = |source| FolderError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // One byte more than allowed shows that the file is too long, without reading it to the end.
    let limit = MAX_LENGTH as u64 + 1;
    File::open(path).map_err(io)?.take(limit).read_to_end(&mut bytes).map_err(io)?;
    SealedKey::from_json(&bytes).map_err(|source| FolderError::Invalid { path: path.to_owned(), source })
}
