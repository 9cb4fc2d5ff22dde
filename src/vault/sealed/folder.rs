//! A folder of sealed keys, each in a file of its own: `<name>.json`.

use super::format::MAX_LENGTH;
use super::sealing::SealedKey;
use super::source::{SealedEntry, SealedKeySource, SealedKeyStore, SealedStoreError, StoredKey, check_that_key_is_new};
use crate::failure_reason::FailureReason;
use crate::vault::embedded::KeyName;
use async_trait::async_trait;
use std::fmt::Display;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::time::Instant;

const EXTENSION: &str = "json";

/// The extension of a file that is being written.
const UNFINISHED: &str = "new";

/// A folder of sealed keys.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
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

    fn entries(&self) -> Result<Vec<SealedEntry>, SealedStoreError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|source| self.io(source))? {
            let path = entry.map_err(|source| self.io(source))?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let key = read(&path).map_err(|error| error.to_string());
                files.push(SealedEntry { name, location: path.display().to_string(), key });
            }
        }
        files.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(files)
    }

    /// Keeps other processes from writing until the result is dropped.
    fn lock(&self) -> Result<File, SealedStoreError> {
        let folder = File::open(&self.path).map_err(|source| self.io(source))?;
        folder.lock().map_err(|source| self.io(source))?;
        Ok(folder)
    }

    /// Writes a new file and renames it over the old one, so that the file is complete at every instant.
    fn write(&self, path: &Path, key: &SealedKey) -> Result<(), SealedStoreError> {
        let unfinished = path.with_extension(UNFINISHED);
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            file.write_all(key.to_json().as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            File::open(&self.path)?.sync_all()
        })();
        written.map_err(|source| SealedStoreError::Io { path: path.to_owned(), source })
    }

    fn io(&self, source: io::Error) -> SealedStoreError {
        SealedStoreError::Io { path: self.path.clone(), source }
    }
}

#[async_trait]
impl SealedKeySource for Folder {
    async fn list(&self, _: Instant) -> Result<Vec<SealedEntry>, FailureReason> {
        const FAILED: &str = "the folder of sealed keys cannot be read";
        let folder = self.clone();
        let entries = tokio::task::spawn_blocking(move || folder.entries()).await;
        let entries = entries.map_err(|error| FailureReason::with_log(FAILED, error.to_string()))?;
        entries.map_err(|error| FailureReason::with_log(FAILED, error.to_string()))
    }
}

/// These block the thread, which nothing else needs: only commands use them.
#[async_trait]
impl SealedKeyStore for Folder {
    async fn read(&self, name: &KeyName, _: Instant) -> Result<StoredKey, SealedStoreError> {
        let key = read(&self.file(name))?;
        Ok(StoredKey { version: key.to_json(), key })
    }

    /// Creates the folder if it does not exist.
    async fn add(&self, name: &KeyName, key: &SealedKey, _: Instant) -> Result<(), SealedStoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path).map_err(|source| self.io(source))?;
        let _locked = self.lock()?;
        let path = self.file(name);
        if path.exists() || path.is_symlink() {
            return Err(SealedStoreError::NameTaken { location: path.display().to_string() });
        }
        check_that_key_is_new(key, &self.entries()?)?;
        self.write(&path, key)
    }

    async fn replace(
        &self,
        name: &KeyName,
        old: &StoredKey,
        new: &SealedKey,
        _: Instant,
    ) -> Result<(), SealedStoreError> {
        let _locked = self.lock()?;
        let path = self.file(name);
        if read(&path)?.to_json() != old.version {
            return Err(SealedStoreError::Changed { location: path.display().to_string() });
        }
        self.write(&path, new)
    }
}

fn read(path: &Path) -> Result<SealedKey, SealedStoreError> {
    let io = |source| SealedStoreError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // One byte more than allowed shows that the file is too long, without reading it to the end.
    let limit = MAX_LENGTH as u64 + 1;
    File::open(path).map_err(io)?.take(limit).read_to_end(&mut bytes).map_err(io)?;
    SealedKey::from_json(&bytes).map_err(|source| SealedStoreError::invalid(path.display().to_string(), &source))
}
