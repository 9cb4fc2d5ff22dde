//! Merges several marks for the same key, chain and kind.

use super::RaiseTarget;
use crate::marks::MarkId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Keeps the highest mark for each [`MarkId`], independent of the order. Its digest and signature are kept only if all marks at
/// the same position agree; otherwise nothing at this position may be signed, not even a repeat.
#[must_use]
pub fn highest(marks: Vec<RaiseTarget>) -> Vec<RaiseTarget> {
    let mut indices: HashMap<MarkId, usize> = HashMap::new();
    let mut highest: Vec<RaiseTarget> = Vec::new();
    for mark in marks {
        match indices.entry(mark.id) {
            Entry::Vacant(vacant) => {
                vacant.insert(highest.len());
                highest.push(mark);
            }
            Entry::Occupied(occupied) => {
                if let Some(other) = highest.get_mut(*occupied.get()) {
                    *other = higher(other, &mark);
                }
            }
        }
    }
    highest
}

fn higher(one: &RaiseTarget, other: &RaiseTarget) -> RaiseTarget {
    if one.position != other.position {
        return if one.position > other.position { one.clone() } else { other.clone() };
    }
    let digest = one.digest.filter(|_| one.digest == other.digest);
    let signature = one.signature.filter(|_| digest.is_some() && one.signature == other.signature);
    RaiseTarget { id: one.id, position: one.position, digest, signature }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::payload::{NonNegative, Position};
    use crate::tezos::{Digest, Signature};

    /// Three marks of one key, in every order.
    #[test]
    fn the_highest_mark_wins_and_conflicting_details_are_dropped() {
        let mark = |level: i32, round: i32, digest: Option<u8>, signature: Option<u8>| RaiseTarget {
            id: "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block".parse().unwrap(),
            position: Position {
                level: NonNegative::try_from(level).unwrap(),
                round: NonNegative::try_from(round).unwrap(),
            },
            digest: digest.map(|byte| Digest::from_bytes([byte; 32])),
            signature: signature.map(|byte| Signature::P256([byte; 64])),
        };
        let (a, b) = (Some(1), Some(2));
        for (marks, expected) in [
            ([mark(5, 1, a, a), mark(4, 9, b, b), mark(5, 0, b, b)], mark(5, 1, a, a)),
            ([mark(5, 1, a, a), mark(5, 1, a, a), mark(5, 1, a, a)], mark(5, 1, a, a)),
            ([mark(5, 1, a, a), mark(5, 1, b, a), mark(5, 1, a, a)], mark(5, 1, None, None)),
            ([mark(5, 1, a, a), mark(5, 1, None, None), mark(5, 1, a, a)], mark(5, 1, None, None)),
            ([mark(5, 1, a, a), mark(5, 1, a, b), mark(5, 1, a, a)], mark(5, 1, a, None)),
            ([mark(5, 1, a, a), mark(5, 1, a, None), mark(1, 0, None, None)], mark(5, 1, a, None)),
        ] {
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let ordered = order.map(|index: usize| marks[index].clone()).to_vec();
                assert_eq!(highest(ordered), std::slice::from_ref(&expected), "{order:?}");
            }
        }
    }
}
