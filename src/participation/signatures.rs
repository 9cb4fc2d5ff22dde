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
