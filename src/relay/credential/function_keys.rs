//! The function keys of the upstreams, from the environment or from a file that is read again when it changes. During a rotation, an
//! upstream has two keys, and the one that its platform accepts is used.

use crate::text;
use arc_swap::ArcSwap;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;
use tracing::{info, warn};

/// Where the function keys come from: one for all upstreams, or one for each of them in order.
#[derive(Debug, Clone, Default)]
pub enum FunctionKeySource {
    /// No function keys: the upstreams require no credential.
    #[default]
    None,
    /// `RELAY_FUNCTION_KEYS`: the keys of each upstream, separated by blanks.
    Given(Vec<SecretString>),
    /// `RELAY_FUNCTION_KEYS_FILE`: the keys of one upstream a line, separated by blanks.
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
    /// The number of entries fits neither all upstreams nor each of them.
    #[error("{found} function keys for {upstreams} upstreams: expected one key for all, or one for each in order")]
    Count {
        /// The entries that were found.
        found: usize,
        /// The upstreams that there are.
        upstreams: usize,
    },
    /// An upstream has no key, or more than two.
    #[error(
        "entry {number} has {found} function keys: expected one, or two that are separated by a blank during a rotation"
    )]
    Entry {
        /// The number of the entry, from 1.
        number: usize,
        /// The keys that were found.
        found: usize,
    },
    /// A key has characters that a header cannot carry.
    #[error("function key {number} has characters that an HTTP header cannot carry: expected visible ASCII")]
    Characters {
        /// The number of its entry, from 1.
        number: usize,
    },
}

/// The keys of one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    first: HeaderValue,
    second: Option<HeaderValue>,
}

/// The keys of all upstreams, and which of two an upstream accepts.
struct Current {
    pairs: Vec<Pair>,
    uses_second: Vec<AtomicBool>,
}

impl Current {
    fn new(pairs: Vec<Pair>) -> Self {
        let uses_second = pairs.iter().map(|_| AtomicBool::new(false)).collect();
        Self { pairs, uses_second }
    }
}

/// The function keys in use.
pub(super) struct FunctionKeys {
    source: FunctionKeySource,
    upstreams: usize,
    has_observer: bool,
    current: ArcSwap<Current>,
    problem: Mutex<Option<FunctionKeyError>>,
}

impl FunctionKeys {
    /// Reads the keys for so many upstreams, and for an observer if there is one. Its key is the entry after those of the upstreams;
    /// without that, it gets none.
    ///
    /// # Errors
    /// [`FunctionKeyError`].
    pub(super) fn read(
        source: FunctionKeySource,
        upstreams: usize,
        has_observer: bool,
    ) -> Result<Self, FunctionKeyError> {
        let current = ArcSwap::from_pointee(Current::new(pairs(&source, upstreams, has_observer)?));
        Ok(Self { source, upstreams, has_observer, current, problem: Mutex::new(None) })
    }

    /// The key for an upstream, if it needs one. Marked as sensitive, so that no library prints it.
    pub(super) fn of(&self, upstream: usize) -> Option<HeaderValue> {
        let current = self.current.load();
        let Pair { first, second } = current.pairs.get(upstream)?;
        let uses_second = current.uses_second.get(upstream).is_some_and(|uses| uses.load(Ordering::Relaxed));
        Some(second.as_ref().filter(|_| uses_second).unwrap_or(first).clone())
    }

    /// Records that the platform in front of an upstream has rejected a key. If it is the one in use, the other one is used from now
    /// on, if there is another one.
    pub(super) fn rejected(&self, upstream: usize, key: &HeaderValue) {
        if self.of(upstream).as_ref() == Some(key)
            && let Some(uses_second) = self.current.load().uses_second.get(upstream)
        {
            uses_second.fetch_xor(true, Ordering::Relaxed);
        }
    }

    /// Reads the file again. A file that cannot be used leaves the keys as they are, and is logged once.
    pub(super) fn refresh(&self) {
        if !matches!(self.source, FunctionKeySource::File(_)) {
            return;
        }
        let read = pairs(&self.source, self.upstreams, self.has_observer);
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(pairs) => {
                *problem = None;
                if self.current.load().pairs != pairs {
                    self.current.store(Arc::new(Current::new(pairs)));
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

/// The keys of each upstream, and of the observer if it has an entry.
fn pairs(source: &FunctionKeySource, upstreams: usize, has_observer: bool) -> Result<Vec<Pair>, FunctionKeyError> {
    let entries = match source {
        FunctionKeySource::None => return Ok(Vec::new()),
        FunctionKeySource::Given(keys) => keys.clone(),
        FunctionKeySource::File(path) => {
            let text = text::read(path)
                .map_err(|error| FunctionKeyError::Unreadable { path: path.clone(), why: error.to_string() })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.map(SecretString::from).collect()
        }
    };
    let of_observer = has_observer && entries.len() == upstreams + 1;
    if entries.len() != 1 && entries.len() != upstreams && !of_observer {
        return Err(FunctionKeyError::Count { found: entries.len(), upstreams });
    }
    let pairs = (1..).zip(&entries).map(|(number, entry)| pair(number, entry.expose_secret()));
    let pairs: Vec<_> = pairs.collect::<Result<_, _>>()?;
    // One entry is for all upstreams, each of which may accept another one of its keys.
    Ok(pairs.into_iter().cycle().take(upstreams + usize::from(of_observer)).collect())
}

fn pair(number: usize, entry: &str) -> Result<Pair, FunctionKeyError> {
    let mut keys = entry.split_whitespace().map(|key| header(number, key));
    match (keys.next(), keys.next(), keys.count()) {
        (Some(first), second, 0) => Ok(Pair { first: first?, second: second.transpose()? }),
        _ => Err(FunctionKeyError::Entry { number, found: entry.split_whitespace().count() }),
    }
}

fn header(number: usize, key: &str) -> Result<HeaderValue, FunctionKeyError> {
    let is_plain = key.bytes().all(|byte| byte.is_ascii_graphic());
    let header = HeaderValue::from_str(key).ok().filter(|_| is_plain);
    let mut header = header.ok_or(FunctionKeyError::Characters { number })?;
    header.set_sensitive(true);
    Ok(header)
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
            (given(&["a", "b c"]), 2, Ok([Some("a"), Some("b")])),
            (given(&["a", "secret\u{e9}"]), 2, Err(FunctionKeyError::Characters { number: 2 })),
            (given(&["a", ""]), 2, Err(FunctionKeyError::Entry { number: 2, found: 0 })),
            (given(&["a b c"]), 2, Err(FunctionKeyError::Entry { number: 1, found: 3 })),
        ] {
            let keys = FunctionKeys::read(source, upstreams, false);
            let keys = keys.map(|keys| [shown(&keys, 0), shown(&keys, 1)]);
            assert_eq!(keys, expected.map(|keys| keys.map(|key| key.map(str::to_owned))));
        }
    }

    #[test]
    fn an_observer_gets_the_entry_after_those_of_the_upstreams_or_none() {
        let given = |keys: &[&str]| FunctionKeySource::Given(keys.iter().map(|key| SecretString::from(*key)).collect());
        for (keys, upstreams, expected) in [
            (&["a"][..], 1, [Some("a"), None]),
            (&["a", "b"], 1, [Some("a"), Some("b")]),
            (&["a"], 2, [Some("a"), None]),
            (&["a", "b"], 2, [Some("a"), None]),
            (&["a", "b", "c"], 2, [Some("a"), Some("c")]),
        ] {
            let read = FunctionKeys::read(given(keys), upstreams, true).unwrap();
            assert_eq!(
                [shown(&read, 0), shown(&read, upstreams)],
                expected.map(|key| key.map(str::to_owned)),
                "{keys:?}"
            );
        }
        assert!(FunctionKeys::read(given(&["a", "b", "c"]), 1, true).is_err());
    }

    #[test]
    fn of_two_keys_the_one_that_was_not_rejected_is_used_by_each_upstream() {
        let keys = FunctionKeys::read(FunctionKeySource::Given(vec![SecretString::from("old new")]), 2, false).unwrap();
        for (rejected, expected) in [
            (None, ["old", "old"]),
            (Some((1, "old")), ["old", "new"]),
            // Another request was already under way.
            (Some((1, "old")), ["old", "new"]),
            (Some((0, "old")), ["new", "new"]),
            (Some((1, "new")), ["new", "old"]),
            (Some((0, "of before")), ["new", "old"]),
        ] {
            if let Some((upstream, key)) = rejected {
                keys.rejected(upstream, &HeaderValue::from_static(key));
            }
            assert_eq!([shown(&keys, 0), shown(&keys, 1)], expected.map(|key| Some(key.to_owned())), "{rejected:?}");
        }
        let only = FunctionKeys::read(FunctionKeySource::Given(vec![SecretString::from("only")]), 1, false).unwrap();
        only.rejected(0, &HeaderValue::from_static("only"));
        assert_eq!(shown(&only, 0).as_deref(), Some("only"));
    }

    #[test]
    fn a_changed_file_is_used_and_a_broken_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, "first\n").unwrap();
        let keys = FunctionKeys::read(FunctionKeySource::File(path.clone()), 2, false).unwrap();
        for (contents, expected) in [
            (Some("second\r\n"), ["second", "second"]),
            (Some("a\n\nb c"), ["a", "b"]),
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
