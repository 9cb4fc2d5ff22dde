//! What this process answered recently: the cause of a vote or a block that is missing.

use crate::answer::Cause;
use crate::marks::MarkId;
use crate::tezos::payload::{NonNegative, Position};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Answers that are remembered of each mark: as many positions as a mark remembers signatures.
const MAX_ANSWERS: usize = 64;

/// Marks of which answers are remembered. Clients choose the chains of requests, so there is a limit.
const MAX_MARKS: usize = 512;

/// A request that was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsigned {
    /// What was to be signed.
    pub position: Position,
    /// Why it was not.
    pub cause: Cause,
}

/// An answer: the position, and the cause if it is no signature.
type Answer = (Position, Option<Cause>);

/// The last answers, by mark.
#[derive(Debug, Default)]
pub struct Answers(Mutex<HashMap<MarkId, VecDeque<Answer>>>);

impl Answers {
    /// Notes an answer: a signature, or the cause of its absence. The oldest one is forgotten if there are too many of the mark.
    pub fn note(&self, id: MarkId, position: Position, cause: Option<Cause>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_MARKS && !all.contains_key(&id) {
            return;
        }
        let answers = all.entry(id).or_default();
        if answers.len() >= MAX_ANSWERS {
            answers.pop_front();
        }
        answers.push_back((position, cause));
    }

    /// The last answer without a signature at a level, at `round` if there is one, and else at any round.
    pub fn at(&self, id: &MarkId, position: Position) -> Option<Unsigned> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unsigned = all
            .get(id)?
            .iter()
            .rev()
            .filter_map(|(position, cause)| Some(Unsigned { position: *position, cause: (*cause)? }));
        let mut at_level = unsigned.filter(|unsigned| unsigned.position.level == position.level).peekable();
        let latest = at_level.peek().copied();
        at_level.find(|unsigned| unsigned.position == position).or(latest)
    }

    /// Whether anything was requested at a level.
    pub fn has_any(&self, id: &MarkId, level: NonNegative) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(id).is_some_and(|answers| answers.iter().any(|(position, _)| position.level == level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::payload::Kind;

    fn at(level: i32, round: i32) -> Position {
        Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() }
    }

    #[test]
    fn the_last_answers_of_each_mark_are_remembered() {
        let id: MarkId = "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:attestation".parse().unwrap();
        let answers = Answers::default();
        for (position, cause) in [
            (at(1, 0), Cause::Store),
            (at(1, 1), Cause::Vault),
            (at(2, 0), Cause::Deadline),
            (at(2, 0), Cause::DifferentData),
        ] {
            answers.note(id, position, Some(cause));
        }
        let cause = |position| answers.at(&id, position).map(|unsigned| unsigned.cause);
        assert_eq!(cause(at(1, 0)), Some(Cause::Store));
        assert_eq!(cause(at(1, 2)), Some(Cause::Vault), "the last one at the level");
        assert_eq!(cause(at(2, 0)), Some(Cause::DifferentData), "the last one");
        assert_eq!(cause(at(3, 0)), None);
        assert_eq!(answers.at(&MarkId { kind: Kind::Block, ..id }, at(1, 0)), None);
        answers.note(id, at(70, 0), None);
        assert!(cause(at(70, 0)).is_none() && answers.has_any(&id, at(70, 0).level));
        assert!(!answers.has_any(&id, at(71, 0).level));
        for level in 3..=65 {
            answers.note(id, at(level, 0), Some(Cause::Head));
        }
        assert_eq!((cause(at(2, 0)), cause(at(3, 0)), cause(at(66, 0))), (None, Some(Cause::Head), None));
    }
}
