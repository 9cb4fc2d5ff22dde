//! The files of the package, written as a folder and as a zip.

use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The program's name in `host.json`. The host compares it byte for byte with the names in the zip.
pub const EXECUTABLE: &str = "azurehsm-signer";

/// The files of the repository that belong to the function app, and their paths in the package.
const APP_FILES: [&str; 4] = ["health/function.json", "host.json", "keys/function.json", "sign/function.json"];

/// World-readable: on some plans, the host is not the owner.
const FILE_MODE: u32 = 0o644;

/// Only some plans set the executable bit themselves.
const EXECUTABLE_MODE: u32 = 0o755;

/// All files of the package, in the order of their paths.
#[derive(Debug)]
pub struct Contents(Vec<File>);

#[derive(Debug)]
struct File {
    path: &'static str,
    mode: u32,
    bytes: Vec<u8>,
}

/// Why the package could not be created.
#[derive(Debug, Error)]
pub enum PackageError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// The host would start another program.
    #[error("host.json names the program {named}, expected {EXECUTABLE}")]
    OtherExecutable {
        /// The name in `host.json`.
        named: String,
    },
    /// The zip could not be created.
    #[error("the zip: {0}")]
    Zip(#[from] zip::result::ZipError),
}

impl Contents {
    /// Reads the files of the function app from the repository at `root`, and the program.
    ///
    /// # Errors
    /// [`PackageError`] if a file is missing, or `host.json` names another program.
    pub fn read(root: &Path, program: &Path) -> Result<Self, PackageError> {
        let mut files = vec![File { path: EXECUTABLE, mode: EXECUTABLE_MODE, bytes: read(program)? }];
        for path in APP_FILES {
            files.push(File { path, mode: FILE_MODE, bytes: read(&root.join(path))? });
        }
        files.sort_by_key(|file| file.path);
        let contents = Self(files);
        match contents.named_executable() {
            Some(named) if named == EXECUTABLE => Ok(contents),
            named => Err(PackageError::OtherExecutable { named: named.unwrap_or_else(|| "nothing".to_owned()) }),
        }
    }

    fn named_executable(&self) -> Option<String> {
        let host = self.0.iter().find(|file| file.path == "host.json")?;
        let host: serde_json::Value = serde_json::from_slice(&host.bytes).ok()?;
        Some(host.pointer("/customHandler/description/defaultExecutablePath")?.as_str()?.to_owned())
    }

    /// Writes them to a folder, and removes everything else in it.
    ///
    /// # Errors
    /// [`PackageError`] if a file cannot be written.
    pub fn write_folder(&self, folder: &Path) -> Result<(), PackageError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| PackageError::Io { path, error }
        };
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(at(folder))?;
        }
        for file in &self.0 {
            let path = folder.join(file.path);
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(at(parent))?;
            fs::write(&path, &file.bytes).map_err(at(&path))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).map_err(at(&path))?;
        }
        Ok(())
    }

    /// The zip. It is reproducible: the same files give the same bytes.
    ///
    /// # Errors
    /// [`PackageError`] if it cannot be created.
    pub fn zip(&self) -> Result<Vec<u8>, PackageError> {
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        for file in &self.0 {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(9))
                .last_modified_time(DateTime::default())
                .unix_permissions(file.mode);
            zip.start_file(file.path, options)?;
            zip.write_all(&file.bytes).map_err(zip::result::ZipError::from)?;
        }
        Ok(zip.finish()?.into_inner())
    }

    /// Writes the zip, and returns its length and its SHA-256 in hexadecimal digits.
    ///
    /// # Errors
    /// [`PackageError`] if it cannot be created or written.
    pub fn write_zip(&self, path: &Path) -> Result<(usize, String), PackageError> {
        let zip = self.zip()?;
        fs::write(path, &zip).map_err(|error| PackageError::Io { path: path.to_owned(), error })?;
        Ok((zip.len(), hex::encode(Sha256::digest(&zip))))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    fs::read(path).map_err(|error| PackageError::Io { path: path.to_owned(), error })
}
