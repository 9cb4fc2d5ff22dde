//! A deployment package: a zip file.

use std::fs::File;
use std::io;
use std::path::Path;
use tempfile::TempDir;
use zip::ZipArchive;
use zip::result::ZipError;

/// Why a package cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The zip cannot be read, or the files cannot be written.
    #[error("cannot unpack the package: {0}")]
    File(#[from] io::Error),
    /// It is not a zip, is damaged, or has files outside the app.
    #[error("the package is not a valid zip file: {0}")]
    Zip(#[from] ZipError),
}

/// An unpacked package, in a temporary folder that is removed on drop.
#[derive(Debug)]
pub struct Package {
    folder: TempDir,
}

impl Package {
    /// Unpacks a zip, with the modes of its files and folders.
    ///
    /// # Errors
    /// If it is not a zip, or cannot be read or written.
    pub fn unpack(zip: impl AsRef<Path>) -> Result<Self, PackageError> {
        let folder = TempDir::new()?;
        ZipArchive::new(File::open(zip)?)?.extract(folder.path())?;
        Ok(Self { folder })
    }

    /// Folder of the app.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
