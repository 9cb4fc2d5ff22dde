//! What the relay keeps over a restart: the identity of the mark store, and public keys, so that it can start while no upstream
//! answers. None of it is secret, and a signature is verified against its key in any case.

use super::StoreDigest;
use crate::json::{self, JsonError};
use crate::text;
use crate::tezos::{PublicKey, PublicKeyHash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use tracing::warn;

/// Public keys that are kept. Only keys of the upstreams get there, so this is a bound on memory, not a limit in practice.
const MAX_KEYS: usize = 4096;

/// Why the state cannot be used.
#[derive(Debug, Error)]
pub enum StateError {
    /// The folder or the file cannot be read or written.
    #[error("RELAY_STATE_DIR: {path}: {source}", path = path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The file is damaged, or is not the relay's.
    #[error("{path}: {why}; if it is damaged, remove it: the relay creates it again", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}

/// The state, in memory and in a file.
pub(super) struct SavedState {
    /// `None` if changes are kept in memory only.
    path: Option<PathBuf>,
    contents: Mutex<Contents>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Contents {
    store: Option<StoreDigest>,
    keys: BTreeMap<String, PublicKey>,
    /// The hashes of the authorized keys of the upstreams; `None` while unknown, empty if they require no authentication.
    authorized_keys: Option<Vec<PublicKeyHash>>,
}

/// The contents as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    store: Option<String>,
    public_keys: Vec<String>,
    authorized_keys: Option<Vec<String>>,
}

impl SavedState {
    /// Reads the state in a folder, which is created if it does not exist, and makes sure that it can be written.
    ///
    /// # Errors
    /// [`StateError`].
    pub(super) fn open(folder: &Path) -> Result<Self, StateError> {
        fs::create_dir_all(folder).map_err(|source| StateError::Io { path: folder.to_owned(), source })?;
        let state = Self { path: Some(path_in(folder)), ..Self::read(folder)? };
        state.save(&state.lock()).map_err(|source| StateError::Io { path: path_in(folder), source })?;
        Ok(state)
    }

    /// Reads the state in a folder, if there is one, and writes nothing, now or later.
    ///
    /// # Errors
    /// [`StateError`].
    pub(super) fn read(folder: &Path) -> Result<Self, StateError> {
        let path = path_in(folder);
        let contents = match text::read(&path) {
            Ok(text) => Contents::parse(&text).map_err(|why| StateError::Damaged { path, why })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::default(),
            Err(source) => return Err(StateError::Io { path, source }),
        };
        Ok(Self { path: None, contents: Mutex::new(contents) })
    }

    /// The store that is pinned.
    pub(super) fn store(&self) -> Option<StoreDigest> {
        self.lock().store
    }

    /// Pins the store, unless one is pinned already, and returns the one that is. It counts only once it is saved, so that a restart
    /// cannot forget it.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn pin(&self, store: StoreDigest) -> io::Result<StoreDigest> {
        let mut contents = self.lock();
        if let Some(pinned) = contents.store {
            return Ok(pinned);
        }
        let changed = Contents { store: Some(store), ..contents.clone() };
        self.save(&changed)?;
        *contents = changed;
        Ok(store)
    }

    /// A public key.
    pub(super) fn key(&self, hash: &PublicKeyHash) -> Option<PublicKey> {
        self.lock().keys.get(&hash.to_string()).cloned()
    }

    /// All public keys, by their hashes.
    pub(super) fn keys(&self) -> Vec<PublicKey> {
        self.lock().keys.values().cloned().collect()
    }

    /// Keeps a public key. It is used even if it cannot be saved.
    pub(super) fn add_key(&self, key: &PublicKey) {
        self.change(|contents| {
            if contents.keys.len() < MAX_KEYS {
                contents.keys.insert(key.hash().to_string(), key.clone());
            }
        });
    }

    /// The authorized keys of the upstreams; `None` while they are unknown.
    pub(super) fn authorized_keys(&self) -> Option<Vec<PublicKeyHash>> {
        self.lock().authorized_keys.clone()
    }

    /// Keeps the authorized keys of the upstreams.
    pub(super) fn set_authorized_keys(&self, hashes: Vec<PublicKeyHash>) {
        self.change(|contents| contents.authorized_keys = Some(hashes));
    }

    fn change(&self, change: impl FnOnce(&mut Contents)) {
        let mut contents = self.lock();
        let before = contents.clone();
        change(&mut contents);
        if *contents != before
            && let Err(error) = self.save(&contents)
        {
            warn!(event = "relay_state_not_saved", reason = %error, "after a restart, the relay has to read the public keys again");
        }
    }

    /// Replaces the file in one step: a relay that is killed meanwhile leaves the old one or the new one.
    fn save(&self, contents: &Contents) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let new = path.with_extension("json.new");
        let mut file = File::create(&new)?;
        file.write_all(contents.to_json()?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        match path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("relay.json")
}

impl Contents {
    fn parse(text: &str) -> Result<Self, String> {
        let document: Document = json::from_text(text).map_err(|error: JsonError| error.to_string())?;
        let store = document.store.map(|store| store.parse().map_err(|error| format!("store: {error}"))).transpose()?;
        let keys = document.public_keys.iter().map(|key| {
            let key: PublicKey = key.parse().map_err(|error| format!("public_keys: {error}"))?;
            Ok((key.hash().to_string(), key))
        });
        let hash = |hash: &String| hash.parse().map_err(|error| format!("authorized_keys: {error}"));
        let authorized_keys = document.authorized_keys.map(|hashes| hashes.iter().map(hash).collect()).transpose()?;
        Ok(Self { store, keys: keys.collect::<Result<_, String>>()?, authorized_keys })
    }

    fn to_json(&self) -> serde_json::Result<String> {
        let hashes = |hashes: &Vec<PublicKeyHash>| hashes.iter().map(ToString::to_string).collect();
        serde_json::to_string_pretty(&Document {
            store: self.store.as_ref().map(ToString::to_string),
            public_keys: self.keys.values().map(ToString::to_string).collect(),
            authorized_keys: self.authorized_keys.as_ref().map(hashes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{Curve, SecretKey};

    #[test]
    fn what_was_learnt_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let key = SecretKey::generate(Curve::P256).unwrap().public_key().clone();
        let store: StoreDigest = "0123".repeat(16).parse().unwrap();
        let state = SavedState::open(folder.path()).unwrap();
        assert_eq!((state.store(), state.key(&key.hash()), state.authorized_keys()), (None, None, None));
        assert_eq!(state.pin(store).unwrap(), store);
        assert_eq!(state.pin("4567".repeat(16).parse().unwrap()).unwrap(), store, "only the operator changes it");
        state.add_key(&key);
        state.set_authorized_keys(vec![key.hash()]);
        drop(state);
        let state = SavedState::open(folder.path()).unwrap();
        assert_eq!(state.store(), Some(store));
        assert_eq!((state.key(&key.hash()), state.keys()), (Some(key.clone()), vec![key.clone()]));
        assert_eq!(state.authorized_keys(), Some(vec![key.hash()]));
    }

    #[test]
    fn a_damaged_file_stops_the_start_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{}",
            r#"{"store": "a b", "public_keys": [], "authorized_keys": null}"#,
            r#"{"store": null, "public_keys": ["tz1"], "authorized_keys": null}"#,
            r#"{"store": null, "public_keys": [], "authorized_keys": ["x"]}"#,
        ] {
            fs::write(folder.path().join("relay.json"), text).unwrap();
            let error = SavedState::open(folder.path()).err().unwrap().to_string();
            assert!(error.contains("relay.json") && error.contains("remove it"), "{error}");
        }
    }
}
