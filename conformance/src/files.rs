//! The JSON files: generated from the tables, and read by the runner.

use crate::tables::{self, Suite};
use serde::de::DeserializeOwned;
use std::io;
use std::path::Path;
use thiserror::Error;

/// Why the cases cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// A file is missing or unreadable.
    #[error("{path}: {source}")]
    File {
        /// Path of the file.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// A file does not match its schema.
    #[error("{path} does not match its schema: {source}")]
    Format {
        /// Path of the file.
        path: String,
        /// The cause.
        source: serde_json::Error,
    },
}

/// Reads the suite from a folder such as `conformance/cases`.
///
/// # Errors
/// [`ReadError`], with the path of the file.
pub fn read(folder: &Path) -> Result<Suite, ReadError> {
    Ok(Suite {
        keys: one(folder, "keys.json")?,
        decode: one(folder, "decode.json")?,
        sequences: one(folder, "sequences.json")?,
        policy: one(folder, "policy.json")?,
        signatures: one(folder, "signatures.json")?,
        http: one(folder, "http.json")?,
    })
}

fn one<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T, ReadError> {
    let path = folder.join(name);
    let shown = path.display().to_string();
    let text = std::fs::read(&path).map_err(|source| ReadError::File { path: shown.clone(), source })?;
    serde_json::from_slice(&text).map_err(|source| ReadError::Format { path: shown, source })
}

/// All files generated from the tables: paths below `conformance/`, and their contents.
///
/// # Errors
/// If a table cannot be serialised.
pub fn generated() -> Result<Vec<(String, String)>, serde_json::Error> {
    let suite = tables::suite();
    let mut files = vec![
        ("cases/keys.json".to_owned(), text(&suite.keys)?),
        ("cases/decode.json".to_owned(), text(&suite.decode)?),
        ("cases/sequences.json".to_owned(), text(&suite.sequences)?),
        ("cases/policy.json".to_owned(), text(&suite.policy)?),
        ("cases/signatures.json".to_owned(), text(&suite.signatures)?),
        ("cases/http.json".to_owned(), text(&suite.http)?),
    ];
    files.extend(tables::setup_files().into_iter().map(|(path, text)| (format!("setup/{path}"), text)));
    Ok(files)
}

fn text<T: serde::Serialize>(file: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(file).map(|text| text + "\n")
}
