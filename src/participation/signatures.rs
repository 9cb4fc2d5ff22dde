//! What a mark remembers of a level. Pure.

use super::Signatures;
use crate::marks::Mark;
use crate::tezos::payload::NonNegative;

impl Signatures {
    /// What the mark in the store remembers of a level; `None` is a mark that does not exist, so that nothing was signed.
    pub fn at(mark: Option<&Mark>, level: NonNegative) -> Self {
        let Some(mark) = mark else { return Self { rounds: Vec::new(), are_complete: true } };
        let Some(trail) = &mark.trail else {
            // An earlier release remembers the last signature only.
            let is_last = mark.true_position().level == level && mark.true_digest().is_some();
            let rounds = if is_last { vec![mark.true_position().round] } else { Vec::new() };
            return Self { rounds, are_complete: false };
        };
        let at_level = trail.window.signatures().iter().filter(|(position, _)| position.level == level);
        let rounds = at_level.map(|(position, _)| position.round).collect();
        let are_complete = trail.window.boundary().is_none_or(|boundary| boundary.level < level);
        Self { rounds, are_complete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::{ShortDigest, SignedWindow, Trail};
    use crate::tezos::Digest;
    use crate::tezos::payload::Position;

    fn at(level: u32, round: u32) -> Position {
        Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() }
    }

    fn mark(position: Position, digest: Option<Digest>, window: Option<SignedWindow>) -> Mark {
        let trail = |window| Box::new(Trail { window, has_signed: true, sequence: 1, previous: None });
        Mark { trail: window.map(trail), ..Mark::new(position, digest, None, "2a".parse().unwrap(), None) }
    }

    #[test]
    fn a_mark_remembers_the_rounds_of_a_level_and_whether_there_are_others() {
        let digest = Digest::of(b"vote");
        let signed = |positions: &[Position], boundary| {
            let last = positions.last().copied().unwrap_or(at(0, 0));
            let above = SignedWindow::above(boundary);
            let window = positions.iter().fold(above, |window, at| window.with(*at, ShortDigest::of(&digest)));
            Some(mark(last, Some(digest), Some(window)))
        };
        let rounds = [at(6, 3), at(7, 0), at(7, 2), at(8, 1)];
        for (name, mark, expected, are_complete) in [
            ("no mark", None, &[][..], true),
            ("signed twice", signed(&rounds, None), &[0, 2], true),
            ("not at this level", signed(&[at(6, 0), at(8, 0)], None), &[], true),
            ("boundary below", signed(&rounds[1..], Some(at(6, 9))), &[0, 2], true),
            ("boundary at the level", signed(&rounds[2..], Some(at(7, 1))), &[2], false),
            ("boundary above", signed(&rounds[3..], Some(at(8, 0))), &[], false),
            ("an earlier release, here", Some(mark(at(7, 1), Some(digest), None)), &[1], false),
            ("an earlier release, above", Some(mark(at(8, 1), Some(digest), None)), &[], false),
            ("an earlier release, raised here", Some(mark(at(7, 1), None, None)), &[], false),
        ] {
            let found = Signatures::at(mark.as_ref(), 7.try_into().unwrap());
            let rounds: Vec<_> = found.rounds.iter().map(|round| round.get()).collect();
            assert_eq!((&rounds[..], found.are_complete), (expected, are_complete), "{name}");
        }
    }
}
