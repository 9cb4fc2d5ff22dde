//! Invariants 1, 3 and 4: the released signatures.

use super::marks::Marks;
use super::request::Request;
use super::{Invariant, Slot, Violation, short};
use crate::history::{Answer, History};
use crate::payload::Kind;
use std::collections::HashMap;

/// The first release at a slot.
struct First<'a> {
    digest: [u8; 32],
    signature: &'a str,
}

pub(super) fn violations(history: &History, requests: &[Request<'_>], marks: &Marks<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut firsts = HashMap::<&Slot, First<'_>>::new();
    for request in requests {
        let Answer::Signed(signature) = &request.exchange.answer else { continue };
        let mut violation = |invariant, slot: Option<&Slot>, what: String| {
            found.push(Violation { invariant, slot: slot.cloned(), what });
        };
        let Some(slot) = &request.slot else {
            violation(Invariant::OneTruth, None, "a payload was signed that is neither a block nor a vote".to_owned());
            continue;
        };
        let covers =
            |mark: &&crate::history::Stored| mark.digest == Some(request.digest) && mark.at <= request.exchange.until;
        let mark = marks.at(slot).find(covers);
        let at = request.exchange.until.saturating_duration_since(history.start).as_secs_f64();
        if mark.is_none() {
            let what = format!("released at {at:.4} s, but no mark of {} was stored before", short(&request.digest));
            violation(Invariant::OneTruth, Some(slot), what);
        }
        if slot.id.kind == Kind::Block
            && let Some(stored) = mark
            && stored.signature.as_deref() != Some(signature)
        {
            let what = format!("released {signature}, but the stored signature is {:?}", stored.signature);
            violation(Invariant::OneSignatureABlock, Some(slot), what);
        }
        let first = firsts.entry(slot).or_insert(First { digest: request.digest, signature });
        if first.digest != request.digest {
            let what = format!("both {} and {} were released", short(&first.digest), short(&request.digest));
            violation(Invariant::OneDigestASlot, Some(slot), what);
        } else if slot.id.kind == Kind::Block && first.signature != &**signature {
            let what = format!("both {} and {signature} were released", first.signature);
            violation(Invariant::OneSignatureABlock, Some(slot), what);
        }
    }
    found
}
