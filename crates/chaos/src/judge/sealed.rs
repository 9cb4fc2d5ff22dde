//! Sealed keys: what each may sign, from what it was sealed for.

use super::request::Request;
use super::{Invariant, Violation};
use crate::history::History;
use crate::keys::{Role, SealedFor};
use crate::payload::Kind;

pub(super) fn violations(history: &History, requests: &[Request<'_>]) -> Vec<Violation> {
    let mut found = Vec::new();
    for request in requests {
        if request.exchange.is_signed()
            && let Some((_, why)) = forbids(history, request)
        {
            let what = format!("{} signed with {}, {why}", history.name(request.exchange.place), request.exchange.key);
            found.push(Violation { invariant: Invariant::SealedForAPurpose, slot: request.slot.clone(), what });
        }
    }
    found
}

/// Whether the status is the one for what the key was not sealed for: 403, or 404 if it is not served at all.
pub(super) fn is_expected(history: &History, request: &Request<'_>) -> bool {
    forbids(history, request).is_some_and(|(expected, _)| request.exchange.status() == Some(expected))
}

/// Why a sealed key must not sign this, and the status of such a refusal.
pub(super) fn forbids(history: &History, request: &Request<'_>) -> Option<(u16, &'static str)> {
    let SealedFor { role, chain, is_here } = history.sealed.get(&request.exchange.key)?;
    if !is_here {
        return Some((404, "which is sealed for another mark store"));
    }
    let Some(slot) = &request.slot else { return Some((403, "which signs neither operations nor anything unknown")) };
    if slot.id.chain != *chain {
        return Some((403, "which is sealed for another chain"));
    }
    let is_companion = *role == Role::Companion;
    (is_companion && slot.id.kind != Kind::Attestation).then_some((403, "which is a companion key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Answer, Exchange};
    use crate::judge::judge;
    use crate::judge::tests::{Book, at};
    use crate::keys::BakerKey;
    use crate::payload::{Variant, payload_by};
    use oracle::crypto::Curve;

    const HERE: [u8; 4] = [1, 2, 3, 4];
    const ELSEWHERE: [u8; 4] = [5; 4];

    /// A history in which a sealed key got this answer to a payload, with a mark and a valid signature.
    fn with(role: Role, is_here: bool, payload: &[u8], status: u16) -> History {
        let mut book = Book::new();
        book.keys[0] = BakerKey::tz4(7).unwrap();
        let key = book.keys[0].clone();
        book.history.keys.insert(key.address.clone(), key.public_key.clone());
        book.history.sealed.insert(key.address.clone(), SealedFor { role, chain: HERE, is_here });
        let signature = book.sign(0, payload, 0);
        let answer = match status {
            200 => Answer::Signed(signature.as_str().into()),
            status => Answer::NotSigned { status, reason: "why".into() },
        };
        let exchange: Exchange = book.exchange(0, payload, (10, 30), answer).clone();
        let slot = Request::new(&exchange).slot.map(|slot| (slot.id, slot.position));
        if let (200, Some((id, position))) = (status, slot) {
            let is_block = id.kind == Kind::Block;
            let stored = book.stored(0, id.kind, 20, (position, payload), is_block.then_some(&*signature));
            stored.id.chain = id.chain;
        }
        book.history
    }

    #[test]
    fn a_sealed_key_is_used_for_its_role_its_chain_and_its_store() {
        let of = |chain, kind| payload_by(Curve::Bls, chain, kind, at(10), Variant::default());
        let operation = [vec![3], vec![0; 64]].concat();
        // What must be refused, and how.
        for (role, is_here, payload, refused) in [
            (Role::Consensus, true, of(HERE, Kind::Block), None),
            (Role::Consensus, true, of(HERE, Kind::Preattestation), None),
            (Role::Consensus, true, of(HERE, Kind::Attestation), None),
            (Role::Companion, true, of(HERE, Kind::Attestation), None),
            (Role::Companion, true, of(HERE, Kind::Block), Some(403)),
            (Role::Companion, true, of(HERE, Kind::Preattestation), Some(403)),
            (Role::Companion, true, of(ELSEWHERE, Kind::Attestation), Some(403)),
            (Role::Consensus, true, of(ELSEWHERE, Kind::Block), Some(403)),
            (Role::Consensus, true, operation.clone(), Some(403)),
            (Role::Companion, true, operation, Some(403)),
            // An attestation in the form of other curves, which has tag 21.
            (
                Role::Companion,
                true,
                payload_by(Curve::P256, HERE, Kind::Attestation, at(10), Variant::default()),
                Some(403),
            ),
            (Role::Consensus, false, of(HERE, Kind::Attestation), Some(404)),
        ] {
            for status in [200, 403, 404, 500] {
                let found = judge(&with(role, is_here, &payload, status));
                let found: Vec<_> = found.iter().map(|violation| violation.invariant).collect();
                let name = format!("{role:?} {is_here} {} {status}: {found:?}", hex::encode(&payload));
                match status {
                    200 => assert_eq!(found.contains(&Invariant::SealedForAPurpose), refused.is_some(), "{name}"),
                    500 => assert!(found.is_empty(), "{name}"),
                    _ => assert_eq!(found.is_empty(), refused == Some(status), "{name}"),
                }
                // What it may sign is right in every respect.
                assert!(refused.is_some() || status != 200 || found.is_empty(), "{name}");
            }
        }
    }

    #[test]
    fn a_companion_key_has_marks_of_its_own() {
        let vote = |variant| {
            payload_by(Curve::Bls, HERE, Kind::Attestation, at(10), Variant { content: variant, ..Variant::default() })
        };
        let mut book = Book::new();
        book.keys = [7, 8].map(|number| BakerKey::tz4(number).unwrap());
        for (key, role) in book.keys.iter().zip([Role::Consensus, Role::Companion]) {
            book.history.keys.insert(key.address.clone(), key.public_key.clone());
            book.history.sealed.insert(key.address.clone(), SealedFor { role, chain: HERE, is_here: true });
        }
        let signature = book.sign(0, &vote(1), 0);
        book.stored(0, Kind::Attestation, 20, (at(10), &vote(1)), None);
        book.exchange(0, &vote(1), (10, 30), Answer::Signed(signature.into()));
        assert!(judge(&book.history).is_empty());
        // The mark of the consensus key does not cover the companion key.
        let signature = book.sign(1, &vote(1), 0);
        book.exchange(1, &vote(1), (10, 30), Answer::Signed(signature.into()));
        let found: Vec<_> = judge(&book.history).iter().map(|violation| violation.invariant).collect();
        assert_eq!(found, [Invariant::OneTruth]);
    }
}
