//! A package: the zip that is deployed.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use zip::ZipArchive;
use zip::result::ZipError;

/// Why a package cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file cannot be read or written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is not a zip, or a damaged one.
    #[error("the package is not a zip file as it should be: {0}")]
    Zip(#[from] ZipError),
    /// An entry is neither a file nor a folder.
    #[error("the package has {0:?}, which is neither a file nor a folder")]
    NotPlain(String),
    /// An entry would be outside of the folder of the app.
    #[error("the package has {0:?}, which is outside of the app")]
    Escapes(String),
}

/// An unpacked package: a folder with what is in the zip, and nothing else. It is removed when it is dropped.
#[derive(Debug)]
pub struct Package {
    folder: TempDir,
}

const FILE_TYPE: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;

impl Package {
    /// Unpacks a zip. Files and folders get the modes that it has for them.
    ///
    /// # Errors
    /// If it is not a zip, if an entry is not a plain file or folder, or if one would be outside of the folder.
    pub fn unpack(zip: impl AsRef<Path>) -> Result<Self, PackageError> {
        let path = zip.as_ref();
        let file = File::open(path).map_err(at(path))?;
        let folder = TempDir::new().map_err(at(&std::env::temp_dir()))?;
        let mut archive = ZipArchive::new(file)?;
        let mut modes = BTreeMap::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let name = entry.name()?.into_owned();
            let inside = entry.enclosed_name().ok_or_else(|| PackageError::Escapes(name.clone()))?;
            let target = folder.path().join(inside);
            let default = if entry.is_dir() { FOLDER | 0o755 } else { FILE | 0o644 };
            let mode = entry.unix_mode().unwrap_or(default);
            match (entry.is_dir(), mode & FILE_TYPE) {
                (true, FOLDER | 0) => fs::create_dir_all(&target).map_err(at(&target))?,
                (false, FILE | 0) => {
                    if let Some(parent) = target.parent() {
                        fs::create_dir_all(parent).map_err(at(parent))?;
                    }
                    let mut file = File::create_new(&target).map_err(at(&target))?;
                    io::copy(&mut entry, &mut file).map_err(at(&target))?;
                }
                _ => return Err(PackageError::NotPlain(name)),
            }
            modes.insert(target, mode & !FILE_TYPE);
        }
        // What is inside of a folder comes before it: its mode may forbid to change what is inside.
        for (target, mode) in modes.into_iter().rev() {
            fs::set_permissions(&target, Permissions::from_mode(mode)).map_err(at(&target))?;
        }
        Ok(Self { folder })
    }

    /// The folder of the app.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PackageError {
    let path = path.to_owned();
    move |error| PackageError::File { path, error }
}
