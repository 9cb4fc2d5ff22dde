//! The function keys of the upstreams, from the environment or from a file that is read again when it changes.

use crate::text;
use arc_swap::ArcSwap;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tracing::{info, warn};

/// Where the function keys come from: one for all upstreams, or one for each of them in order.
#[derive(Debug, Clone, Default)]
pub enum FunctionKeySource {
    /// No function keys: the upstreams require no credential.
    #[default]
    None,
    /// `RELAY_FUNCTION_KEYS`.
    Given(Vec<SecretString>),
    /// `RELAY_FUNCTION_KEYS_FILE`: one key a line.
    File(PathBuf),
}

/// Why function keys cannot be used. Never contains a key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FunctionKeyError {
    /// The file cannot be read.
    #[error("{path}: {why}; expected a text file with one function key a line", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The number of keys fits neither all upstreams nor each of them.
    #[error("{found} function keys for {upstreams} upstreams: expected one key for all, or one for each in order")]
    Count {
        /// The keys that were found.
        found: usize,
        /// The upstreams that there are.
        upstreams: usize,
    },
    /// A key has characters that a header cannot carry.
    #[error("function key {number} has characters that an HTTP header cannot carry: expected visible ASCII")]
    Characters {
        /// Its number, from 1.
        number: usize,
    },
}

/// The function keys in use.
pub(super) struct FunctionKeys {
    source: FunctionKeySource,
    upstreams: usize,
    current: ArcSwap<Vec<HeaderValue>>,
    problem: Mutex<Option<FunctionKeyError>>,
}

impl FunctionKeys {
    /// Reads the keys for so many upstreams.
    ///
    /// # Errors
    /// [`FunctionKeyError`].
    pub(super) fn read(source: FunctionKeySource, upstreams: usize) -> Result<Self, FunctionKeyError> {
        let keys = headers(&source, upstreams)?;
        Ok(Self { source, upstreams, current: ArcSwap::from_pointee(keys), problem: Mutex::new(None) })
    }

    /// The key for an upstream, if it needs one. Marked as sensitive, so that no library prints it.
    pub(super) fn of(&self, upstream: usize) -> Option<HeaderValue> {
        let keys = self.current.load();
        keys.get(upstream).or_else(|| keys.first()).cloned()
    }

    /// Reads the file again. A file that cannot be used leaves the keys as they are, and is logged once.
    pub(super) fn refresh(&self) {
        if !matches!(self.source, FunctionKeySource::File(_)) {
            return;
        }
        let read = headers(&self.source, self.upstreams);
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(keys) => {
                *problem = None;
                if **self.current.load() != keys {
                    self.current.store(Arc::new(keys));
                    info!(event = "relay_function_keys_changed", "the file of function keys has changed and is used");
                }
            }
            Err(error) if problem.as_ref() != Some(&error) => {
                warn!(event = "relay_function_keys_unusable", reason = %error, "the function keys stay as they were");
                *problem = Some(error);
            }
            Err(_) => {}
        }
    }
}

fn headers(source: &FunctionKeySource, upstreams: usize) -> Result<Vec<HeaderValue>, FunctionKeyError> {
    let keys = match source {
        FunctionKeySource::None => return Ok(Vec::new()),
        FunctionKeySource::Given(keys) => keys.clone(),
        FunctionKeySource::File(path) => {
            let text = text::read(path)
                .map_err(|error| FunctionKeyError::Unreadable { path: path.clone(), why: error.to_string() })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(SecretString::from).collect()
        }
    };
    if keys.len() != 1 && keys.len() != upstreams {
        return Err(FunctionKeyError::Count { found: keys.len(), upstreams });
    }
    keys.iter()
        .enumerate()
        .map(|(index, key)| {
            let is_plain = key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
            let header = HeaderValue::from_str(key.expose_secret()).ok().filter(|_| is_plain);
            let mut header = header.ok_or(FunctionKeyError::Characters { number: index + 1 })?;
            header.set_sensitive(true);
            Ok(header)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn shown(keys: &FunctionKeys, upstream: usize) -> Option<String> {
        keys.of(upstream).map(|key| key.to_str().unwrap().to_owned())
    }

    #[test]
    fn one_key_is_for_all_upstreams_and_several_are_for_each() {
        let given = |keys: &[&str]| FunctionKeySource::Given(keys.iter().map(|key| SecretString::from(*key)).collect());
        for (source, upstreams, expected) in [
            (FunctionKeySource::None, 2, Ok([None, None])),
            (given(&["a"]), 2, Ok([Some("a"), Some("a")])),
            (given(&["a", "b"]), 2, Ok([Some("a"), Some("b")])),
            (given(&["a", "b"]), 3, Err(FunctionKeyError::Count { found: 2, upstreams: 3 })),
            (given(&["a", "secret key"]), 2, Err(FunctionKeyError::Characters { number: 2 })),
        ] {
            let keys = FunctionKeys::read(source, upstreams);
            let keys = keys.map(|keys| [shown(&keys, 0), shown(&keys, 1)]);
            assert_eq!(keys, expected.map(|keys| keys.map(|key| key.map(str::to_owned))));
        }
    }

    #[test]
    fn a_changed_file_is_used_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "first\n").unwrap();
        let keys = FunctionKeys::read(FunctionKeySource::File(path.clone()), 2).unwrap();
        for (contents, expected) in [
            (Some("second\r\n"), ["second", "second"]),
            (Some("a\n\nb"), ["a", "b"]),
            (Some("\n"), ["a", "b"]),
            (Some("a\nb\nc\n"), ["a", "b"]),
            (None, ["a", "b"]),
            (Some("third"), ["third", "third"]),
        ] {
            match contents {
                Some(contents) => fs::write(&path, contents).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            keys.refresh();
            assert_eq!([shown(&keys, 0), shown(&keys, 1)], expected.map(|key| Some(key.to_owned())), "{contents:?}");
        }
    }
}
