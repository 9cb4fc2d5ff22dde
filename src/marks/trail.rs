//! What a mark records of its past: its last signatures, and the chain of its versions. Pure. No decision on signing depends
//! on it.

use super::signed_window::{ShortDigest, SignedWindow};
use super::{Mark, MarkId, MarkVersion};
use crate::tezos::Digest;
use crate::tezos::payload::Position;

/// The past of a mark. An earlier release drops it when it writes the mark; then nothing is known, and the chain of digests has
/// a gap.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trail {
    /// The last signatures.
    pub window: SignedWindow,
    /// Whether anything was ever signed with this mark, as far as is known. Otherwise, the mark was only raised or stopped.
    pub has_signed: bool,
    /// The number of the version: 1 for the first one with a trail.
    pub sequence: u64,
    /// The [digest](version_digest) of the version before; `None` in the first version of a mark.
    pub previous: Option<Digest>,
}

/// What a write adds to a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A signature.
    Signed(Position, ShortDigest),
    /// A raise: anything up to there may have been signed elsewhere.
    Raised(Position),
    /// Nothing: the mark is stopped, or a stop is lifted.
    Unchanged,
}

impl Trail {
    /// The trail of the version that replaces `before`, or of the first version of a mark.
    pub(super) fn after(id: &MarkId, before: Option<&Mark>, entry: Entry) -> Self {
        let (window, has_signed, sequence) = match before {
            None => (SignedWindow::default(), false, 0),
            Some(Mark { trail: Some(trail), .. }) => (trail.window.clone(), trail.has_signed, trail.sequence),
            // By an earlier release, which may have signed anything up to there.
            Some(mark) => (SignedWindow::above(Some(mark.true_position())), mark.true_digest().is_some(), 0),
        };
        let window = match entry {
            Entry::Signed(position, digest) => window.with(position, digest),
            Entry::Raised(position) => window.raised_to(position),
            Entry::Unchanged => window,
        };
        Self {
            window,
            has_signed: has_signed || matches!(entry, Entry::Signed(..)),
            sequence: sequence.saturating_add(1),
            previous: before.map(|before| version_digest(id, before)),
        }
    }
}

impl Mark {
    /// Whether this store has ever signed with the mark's key, kind and chain, as far as is known. Otherwise, the mark was only
    /// raised, imported or stopped here.
    pub fn has_signed(&self) -> bool {
        self.trail.as_ref().map_or_else(|| self.true_digest().is_some(), |trail| trail.has_signed)
    }
}

/// BLAKE2b-256 of the [canonical form](MarkVersion) of a version of a mark.
pub fn version_digest(id: &MarkId, mark: &Mark) -> Digest {
    MarkVersion::of(id, mark).own_digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::Lookup;

    fn at(level: i32) -> Position {
        Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() }
    }

    fn id() -> MarkId {
        "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:attestation".parse().unwrap()
    }

    const SIGNED: ShortDigest = ShortDigest::of(&Digest::from_bytes([7; 32]));

    fn mark(level: i32, trail: Option<Trail>) -> Mark {
        let digest = Some(Digest::from_bytes([7; 32]));
        Mark { trail: trail.map(Box::new), ..Mark::new(at(level), digest, None, "2a".parse().unwrap(), None) }
    }

    #[test]
    fn versions_are_numbered_and_chained() {
        let first = mark(5, Some(Trail::after(&id(), None, Entry::Signed(at(5), SIGNED))));
        let second = mark(6, Some(Trail::after(&id(), Some(&first), Entry::Signed(at(6), SIGNED))));
        let [one, two] = [&first, &second].map(|mark| mark.trail.as_ref().unwrap());
        assert_eq!((one.sequence, one.previous), (1, None));
        assert_eq!((two.sequence, two.previous), (2, Some(version_digest(&id(), &first))));
        assert_eq!(two.window.lookup(at(5), SIGNED), Lookup::Signed);
        assert_eq!(two.window.boundary(), None, "complete since the first signature");
    }

    #[test]
    fn an_earlier_release_leaves_a_gap_and_nothing_known() {
        let earlier = mark(5, None);
        let next = Trail::after(&id(), Some(&earlier), Entry::Signed(at(6), SIGNED));
        assert_eq!((next.sequence, next.previous), (1, Some(version_digest(&id(), &earlier))));
        assert_eq!(next.window.lookup(at(5), SIGNED), Lookup::Unknown);
        assert_eq!(next.window.lookup(at(6), SIGNED), Lookup::Signed);
    }

    #[test]
    fn a_mark_that_was_only_raised_has_not_signed() {
        let raised = Trail::after(&id(), None, Entry::Raised(at(9)));
        assert_eq!((raised.has_signed, raised.window.boundary()), (false, Some(at(9))));
        let stopped = mark(9, Some(raised));
        let stopped = Trail::after(&id(), Some(&stopped), Entry::Unchanged);
        assert_eq!((stopped.has_signed, stopped.window.boundary()), (false, Some(at(9))));
        let signed = Trail::after(&id(), None, Entry::Signed(at(9), SIGNED));
        assert!(mark(9, Some(signed)).has_signed() && mark(9, None).has_signed());
    }

    /// Auditors compute it too, so it must never change.
    #[test]
    fn the_digest_of_a_version_covers_what_was_written() {
        let first = mark(5, None);
        assert_eq!(
            version_digest(&id(), &first),
            Digest::of(
                format!(
                    r#"{{"id":"{}","level":5,"round":0,"digest":"{}","attempt":"{:0>32}"}}"#,
                    id(),
                    "07".repeat(32),
                    "2a"
                )
                .as_bytes()
            )
        );
        let other_attempt = Mark { attempt: "2b".parse().unwrap(), ..first.clone() };
        let other_position = Mark { position: at(6), ..first.clone() };
        for other in [other_attempt, other_position] {
            assert_ne!(version_digest(&id(), &other), version_digest(&id(), &first));
        }
    }
}
