//! The order of calls in one search of the vault, and which results may be published before its end.

use super::calls::NextPage;
use super::{IneligibleKey, KeyIdentifier};
use crate::vault::SearchProgress;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// One call of a search.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// A page of the list of keys.
    Keys(NextPage),
    /// A page of the list of a key's versions.
    Versions(String, NextPage),
    /// A version.
    Version(KeyIdentifier),
}

/// The order in which versions are read: those that bind a key to a mark store first, those that cannot sign last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Bound,
    Candidate,
    Idle,
}

/// A version's properties in a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) bound_to: BTreeSet<String>,
    /// Why it cannot sign now; `None` if it can.
    pub(super) idle: Option<IneligibleKey>,
}

/// One search. All lists are read before the first version: only then are all tags known.
///
/// A result is published before the end only if the rest cannot change it. A private key that is in the vault under several
/// names obeys the tags of all of them, so all versions with the tag are read first; and it signs under its first usable name,
/// so a version is published after all that precede it by name.
pub(super) struct Pass {
    began: Instant,
    lists: VecDeque<Call>,
    /// Lists or pages that are not received yet.
    lists_left: usize,
    to_read: BTreeSet<(Rank, KeyIdentifier)>,
    /// Not read yet, requested or not.
    unread: BTreeSet<(Rank, KeyIdentifier)>,
    listed: HashMap<KeyIdentifier, Listed>,
    names: HashSet<String>,
    postponed: HashMap<String, u32>,
    paused_until: Option<Instant>,
    /// Whether tags are listed before the versions are read.
    lists_tags: bool,
    read: usize,
}

/// How often a call is repeated after a pause that the vault requested.
const MAX_POSTPONED: u32 = 3;

/// A shorter search publishes everything at its end.
const PUBLISHED_AT_ONCE: Duration = Duration::from_secs(2);

const MAX_PAUSE: Duration = Duration::from_secs(30);

impl Pass {
    /// A search of the whole vault.
    pub(super) fn of_everything() -> Self {
        Self {
            lists: VecDeque::from([Call::Keys(None)]),
            lists_left: 1,
            lists_tags: true,
            ..Self::of_named(std::iter::empty())
        }
    }

    /// A search for these versions, without lists.
    pub(super) fn of_named(versions: impl Iterator<Item = KeyIdentifier>) -> Self {
        let to_read: BTreeSet<_> = versions.map(|key| (Rank::Candidate, key)).collect();
        Self {
            began: Instant::now(),
            lists: VecDeque::new(),
            lists_left: 0,
            unread: to_read.clone(),
            listed: to_read.iter().map(|(_, key)| (key.clone(), Listed::default())).collect(),
            to_read,
            names: HashSet::new(),
            postponed: HashMap::new(),
            paused_until: None,
            lists_tags: false,
            read: 0,
        }
    }

    /// The next call, if one may be made now.
    pub(super) fn next(&mut self) -> Option<Call> {
        if self.pause().is_some() {
            return None;
        }
        if let Some(list) = self.lists.pop_front() {
            return Some(list);
        }
        if self.lists_left > 0 {
            return None;
        }
        self.to_read.pop_first().map(|(_, key)| Call::Version(key))
    }

    /// The end of the pause that the vault has requested, if any.
    pub(super) fn pause(&self) -> Option<Instant> {
        self.paused_until.filter(|until| *until > Instant::now())
    }

    /// Repeats a call after a pause. Returns `false` if it has been repeated too often.
    pub(super) fn postpone(&mut self, call: &Call, pause: Duration) -> bool {
        let times = self.postponed.entry(format!("{call:?}")).or_default();
        if *times >= MAX_POSTPONED {
            return false;
        }
        *times += 1;
        let until = Instant::now() + pause.min(MAX_PAUSE);
        self.paused_until = self.paused_until.max(Some(until));
        match call {
            Call::Version(key) => {
                let key = (self.rank_of(key), key.clone());
                self.to_read.insert(key);
            }
            list => self.lists.push_front(list.clone()),
        }
        true
    }

    /// Processes a page of the list of keys, with these names.
    pub(super) fn keys_listed(&mut self, names: impl Iterator<Item = String>, next: NextPage) {
        if next.is_some() {
            // The next page first, since the other lists can be read in parallel.
            self.lists.push_front(Call::Keys(next));
            self.lists_left += 1;
        }
        for name in names {
            if self.names.insert(name.clone()) {
                self.lists.push_back(Call::Versions(name, None));
                self.lists_left += 1;
            }
        }
        self.lists_left = self.lists_left.saturating_sub(1);
    }

    /// A page of the list of a key's versions was received, or the call was given up.
    pub(super) fn versions_listed(&mut self, name: &str, next: NextPage) {
        if next.is_some() {
            self.lists.push_back(Call::Versions(name.to_owned(), next));
        } else {
            self.lists_left = self.lists_left.saturating_sub(1);
        }
    }

    /// Adds a version to read.
    pub(super) fn add(&mut self, key: KeyIdentifier, listed: Listed) {
        self.listed.insert(key.clone(), listed);
        let entry = (self.rank_of(&key), key);
        self.unread.insert(entry.clone());
        self.to_read.insert(entry);
    }

    /// A version was read, or the call was given up. Returns its properties in the list.
    pub(super) fn done(&mut self, key: &KeyIdentifier) -> Listed {
        self.read += 1;
        self.unread.remove(&(self.rank_of(key), key.clone()));
        self.listed.get(key).cloned().unwrap_or_default()
    }

    /// Removes from `found` the results that may be published now, and returns them.
    pub(super) fn publishable<T>(&self, found: &mut BTreeMap<KeyIdentifier, T>) -> BTreeMap<KeyIdentifier, T> {
        let may_publish = self.lists_left == 0 && self.lists_tags && self.began.elapsed() >= PUBLISHED_AT_ONCE;
        match self.unread.first() {
            _ if !may_publish => BTreeMap::new(),
            Some((Rank::Bound, _)) => BTreeMap::new(),
            Some((Rank::Candidate, first_unread)) => {
                let later = found.split_off(first_unread);
                std::mem::replace(found, later)
            }
            Some((Rank::Idle, _)) | None => std::mem::take(found),
        }
    }

    pub(super) fn progress(&self) -> SearchProgress {
        SearchProgress { keys: self.names.len(), versions: self.listed.len(), read: self.read }
    }

    fn rank_of(&self, key: &KeyIdentifier) -> Rank {
        match self.listed.get(key) {
            Some(listed) if !listed.bound_to.is_empty() => Rank::Bound,
            Some(Listed { idle: Some(_), .. }) => Rank::Idle,
            _ => Rank::Candidate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> KeyIdentifier {
        KeyIdentifier { name: name.to_owned(), version: "1".to_owned() }
    }

    /// A pass that has listed these versions: bound, unbound, and idle ones.
    fn listed(bound: &[&str], plain: &[&str], idle: &[&str]) -> Pass {
        let mut pass = Pass::of_everything();
        assert!(matches!(pass.next(), Some(Call::Keys(None))));
        pass.keys_listed(bound.iter().chain(plain).chain(idle).map(|name| (*name).to_owned()), None);
        let is_bound = Listed { bound_to: BTreeSet::from(["a/b/c".to_owned()]), idle: None };
        let is_idle = Listed { idle: Some(IneligibleKey::Disabled), ..Listed::default() };
        for (names, what) in [(bound, is_bound), (plain, Listed::default()), (idle, is_idle)] {
            for name in names {
                assert!(matches!(pass.next(), Some(Call::Versions(..))));
                pass.add(id(name), what.clone());
                pass.versions_listed(name, None);
            }
        }
        pass
    }

    /// The order in which versions are read, and what is published after each.
    async fn read(mut pass: Pass) -> Vec<(String, Vec<String>)> {
        let mut found = BTreeMap::new();
        let mut order = Vec::new();
        assert!(pass.publishable(&mut BTreeMap::from([(id("a"), 1)])).is_empty(), "it may be over soon");
        tokio::time::sleep(PUBLISHED_AT_ONCE).await;
        while let Some(Call::Version(key)) = pass.next() {
            pass.done(&key);
            found.insert(key.clone(), 1);
            let published = pass.publishable(&mut found).into_keys().map(|key| key.name).collect();
            order.push((key.name, published));
        }
        order
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_published_that_the_rest_of_the_search_could_change() {
        for (pass, expected) in [
            (listed(&[], &["a", "b"], &[]), vec![("a", vec!["a"]), ("b", vec!["b"])]),
            // The last may be another name of the first two.
            (listed(&["c", "b"], &["a"], &[]), vec![("b", vec![]), ("c", vec![]), ("a", vec!["a", "b", "c"])]),
            (listed(&["a"], &["b"], &["0"]), vec![("a", vec!["a"]), ("b", vec!["b"]), ("0", vec!["0"])]),
        ] {
            let read = read(pass).await;
            let read: Vec<_> = read
                .iter()
                .map(|(name, published)| (name.as_str(), published.iter().map(String::as_str).collect::<Vec<_>>()))
                .collect();
            assert_eq!(read, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_version_is_read_or_published_before_all_are_listed() {
        let mut pass = Pass::of_everything();
        tokio::time::sleep(PUBLISHED_AT_ONCE).await;
        drop(pass.next());
        pass.keys_listed(["a", "b"].map(str::to_owned).into_iter(), None);
        drop((pass.next(), pass.next()));
        pass.add(id("a"), Listed::default());
        pass.versions_listed("a", None);
        assert!(pass.next().is_none());
        assert!(pass.publishable(&mut BTreeMap::from([(id("a"), 1)])).is_empty());
        pass.versions_listed("b", None);
        assert!(matches!(pass.next(), Some(Call::Version(_))));
        assert_eq!(pass.progress(), SearchProgress { keys: 2, versions: 1, read: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_search_for_named_versions_publishes_nothing_before_its_end() {
        let read = read(Pass::of_named([id("b"), id("a")].into_iter())).await;
        assert_eq!(read, [("a".to_owned(), vec![]), ("b".to_owned(), vec![])]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_requested_pause_applies_to_all_calls_and_ends_after_a_few_repetitions() {
        let mut pass = listed(&[], &["a"], &[]);
        for _ in 0..MAX_POSTPONED {
            let call = pass.next().unwrap();
            assert!(pass.postpone(&call, Duration::from_mins(10)));
            assert!(pass.next().is_none());
            tokio::time::sleep(MAX_PAUSE).await;
        }
        let call = pass.next().unwrap();
        assert!(!pass.postpone(&call, Duration::from_secs(5)));
    }
}
