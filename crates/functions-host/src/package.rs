//! A package: the zip that is deployed.

use std::fs::File;
use std::io;
use std::path::Path;
use tempfile::TempDir;
use zip::ZipArchive;
use zip::result::ZipError;

/// Why a package cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The zip cannot be read, or there is no place for its files.
    #[error("the package cannot be unpacked: {0}")]
    File(#[from] io::Error),
    /// It is not a zip, or a damaged one, or has files outside of the app.
    #[error("the package is not a sound zip file: {0}")]
    Zip(#[from] ZipError),
}

/// An unpacked package: a folder with what is in the zip, and nothing else. It is removed when this is dropped.
#[derive(Debug)]
pub struct Package {
    folder: TempDir,
}

impl Package {
    /// Unpacks a zip. Files and folders get the modes that it has for them.
    ///
    /// # Errors
    /// If it is not a zip, or cannot be read or written.
    pub fn unpack(zip: impl AsRef<Path>) -> Result<Self, PackageError> {
        let folder = TempDir::new()?;
        ZipArchive::new(File::open(zip)?)?.extract(folder.path())?;
        Ok(Self { folder })
    }

    /// The folder of the app.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
