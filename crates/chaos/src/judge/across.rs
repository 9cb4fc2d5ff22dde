//! Signatures of signers with different stores, by the same keys: no invariant of one store prevents two at one slot.

use super::request::Request;
use super::{Invariant, Slot, Violation, short};
use crate::history::{Answer, History};
use std::collections::HashMap;

/// Slots at which signers of different stores have signed different data.
pub(crate) fn judge_across(histories: &[History]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut firsts = HashMap::<Slot, (usize, [u8; 32])>::new();
    for (number, history) in histories.iter().enumerate() {
        for request in history.exchanges.iter().map(Request::new) {
            let (Answer::Signed(_), Some(slot)) = (&request.exchange.answer, &request.slot) else { continue };
            let (first, digest) = *firsts.entry(slot.clone()).or_insert((number, request.digest));
            if first != number && digest != request.digest {
                let what = format!("both {} and {} were released", short(&digest), short(&request.digest));
                found.push(Violation { invariant: Invariant::OneDigestASlot, slot: Some(slot.clone()), what });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::{Book, bytes};
    use crate::payload::Kind;

    #[test]
    fn two_stores_must_not_sign_different_data_at_one_slot() {
        let signed = |level, content| {
            let mut book = Book::new();
            book.exchange(0, &bytes(Kind::Attestation, level, content), (0, 10), Answer::Signed("sig".into()));
            book.history
        };
        for (other, expected) in [((10, 1), 0), ((11, 2), 0), ((10, 2), 1)] {
            let found = judge_across(&[signed(10, 1), signed(other.0, other.1)]);
            assert_eq!(found.len(), expected, "{other:?}");
        }
    }
}
