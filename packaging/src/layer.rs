//! The layer of an image: a compressed tar archive of a few files, all owned by root.

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;
use tar::{Builder, EntryType, Header};

const FOLDER_MODE: u32 = 0o755;

/// A file of the layer.
#[derive(Debug)]
pub(crate) struct LayerFile {
    /// Path without a leading slash.
    pub(crate) path: &'static str,
    pub(crate) mode: u32,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Layer {
    /// The tar archive, compressed with gzip.
    pub(crate) compressed: Vec<u8>,
    /// SHA-256 of the archive itself, in hexadecimal digits.
    pub(crate) uncompressed_sha256: String,
}

impl Layer {
    /// The files and the folders above them. Nothing in the archive depends on the machine or the time.
    pub(crate) fn new(files: &[LayerFile]) -> io::Result<Self> {
        let folders: BTreeSet<&Path> =
            files.iter().flat_map(|file| Path::new(file.path).ancestors().skip(1)).filter(|path| *path != "").collect();
        let mut archive = Builder::new(Vec::new());
        for folder in folders {
            let mut header = header(EntryType::Directory, FOLDER_MODE, 0);
            archive.append_data(&mut header, format!("{}/", folder.display()), io::empty())?;
        }
        for file in files {
            let mut header = header(EntryType::Regular, file.mode, file.bytes.len() as u64);
            archive.append_data(&mut header, file.path, file.bytes.as_slice())?;
        }
        let archive = archive.into_inner()?;
        let uncompressed_sha256 = hex::encode(Sha256::digest(&archive));
        // The header contains neither a time nor a file name.
        let mut compressor = GzBuilder::new().write(Vec::new(), Compression::best());
        compressor.write_all(&archive)?;
        Ok(Self { compressed: compressor.finish()?, uncompressed_sha256 })
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}
