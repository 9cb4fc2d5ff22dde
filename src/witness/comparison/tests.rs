use super::*;
use crate::marks::{MarkId, STOPPED_AT, SignedWindow, Stop, Stopped, Trail};
use crate::tezos::payload::NonNegative;
use crate::tezos::{ChainId, Digest, OperationHash, Signature};
use crate::witness::{Proof, Source};
use time::OffsetDateTime;

fn at(level: u32, round: u32) -> Position {
    Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() }
}

fn digest(fill: u8) -> Digest {
    Digest::from_bytes([fill; 32])
}

fn sighting(kind: Kind, position: Position, fill: u8) -> Sighting {
    Sighting {
        id: MarkId { chain: ChainId::MAINNET, key: "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap(), kind },
        position,
        digest: digest(fill),
        signature: None,
        source: Source::Operation(OperationHash::from_bytes([1; 32])),
        proof: Proof::Signature,
    }
}

/// A mark at a position, with the digest signed there, as an earlier release writes it.
fn earlier(position: Position, fill: Option<u8>) -> Mark {
    Mark::new(position, fill.map(digest), None, "2a".parse().unwrap(), None)
}

/// A mark that knows what was signed above a boundary, in this order.
fn knowing(boundary: Option<Position>, signed: &[(Position, u8)]) -> Mark {
    let window = signed.iter().fold(SignedWindow::above(boundary), |window, (position, fill)| {
        window.with(*position, ShortDigest::of(&digest(*fill)))
    });
    let trail = Trail { window, has_signed: !signed.is_empty(), sequence: 1, previous: None };
    let last = signed.last();
    let position = last.map(|(position, _)| *position).or(boundary).unwrap();
    Mark { trail: Some(Box::new(trail)), ..earlier(position, last.map(|(_, fill)| *fill)) }
}

fn raised(level: u32) -> Mark {
    knowing(Some(Position { level: level.try_into().unwrap(), round: NonNegative::MAX }), &[])
}

#[test]
fn an_attestation_is_compared_with_what_its_mark_knows() {
    // Signed in this order: round 1 of level 1001 after round 0.
    let mark = knowing(Some(at(999, 0)), &[(at(1000, 0), 1), (at(1001, 0), 2), (at(1001, 1), 3), (at(1003, 0), 4)]);
    let complete = knowing(None, &[(at(1000, 0), 1), (at(1003, 0), 4)]);
    let by_earlier_release = earlier(at(1003, 0), Some(4));
    for (name, mark, position, fill, expected) in [
        ("the last vote", &mark, at(1003, 0), 4, Finding::Ours),
        ("an earlier vote", &mark, at(1000, 0), 1, Finding::Ours),
        ("round 0, after round 1 was signed", &mark, at(1001, 0), 2, Finding::Ours),
        ("round 1", &mark, at(1001, 1), 3, Finding::Ours),
        ("another vote at the last position", &mark, at(1003, 0), 9, Finding::Foreign),
        ("another vote at an earlier position", &mark, at(1001, 0), 9, Finding::Foreign),
        ("the vote of another round", &mark, at(1001, 0), 3, Finding::Foreign),
        ("a level that was not signed", &mark, at(1002, 0), 9, Finding::Foreign),
        ("a round that was not signed", &mark, at(1003, 1), 4, Finding::Foreign),
        ("a level above the mark", &mark, at(1004, 0), 9, Finding::Foreign),
        ("at the boundary", &mark, at(999, 0), 9, Finding::Unknown),
        ("below the boundary", &mark, at(900, 0), 9, Finding::Unknown),
        ("before the first signature ever", &complete, at(999, 5), 9, Finding::Unknown),
        ("between signatures of a complete window", &complete, at(1001, 0), 9, Finding::Foreign),
        ("an earlier release's vote", &by_earlier_release, at(1003, 0), 4, Finding::Ours),
        ("below the mark of an earlier release", &by_earlier_release, at(1002, 0), 9, Finding::Unknown),
        ("above the mark of an earlier release", &by_earlier_release, at(1004, 0), 9, Finding::Foreign),
    ] {
        let marks = KeyMarks::default().with(Kind::Attestation, Some(mark.clone()));
        assert!(suffices(marks.of(Kind::Attestation)));
        assert_eq!(compare(&sighting(Kind::Attestation, position, fill), &marks), expected, "{name}");
    }
}

#[test]
fn a_kind_without_a_mark_depends_on_the_others() {
    let attested = knowing(None, &[(at(1000, 0), 1), (at(1001, 0), 2)]);
    let rolling = knowing(Some(at(1000, 0)), &[(at(1001, 0), 2)]);
    for (name, attestation, block, position, expected) in [
        ("no marks", None, None, at(1000, 0), Finding::NotYetSignedHere),
        ("a block above all votes", Some(&attested), None, at(1002, 0), Finding::Foreign),
        ("a block after the first vote", Some(&attested), None, at(1001, 0), Finding::Foreign),
        ("a block at the level of the first vote", Some(&attested), None, at(1000, 0), Finding::Unknown),
        ("a block before the first vote", Some(&attested), None, at(900, 0), Finding::Unknown),
        ("a block above what is known of votes", Some(&rolling), None, at(1001, 0), Finding::Foreign),
        ("a block below what is known of votes", Some(&rolling), None, at(1000, 0), Finding::Unknown),
        ("a block above a raise", Some(&attested), Some(&raised(1010)), at(1011, 0), Finding::Foreign),
        ("a block below a raise", Some(&attested), Some(&raised(1010)), at(1010, 0), Finding::Unknown),
    ] {
        let marks = KeyMarks::default().with(Kind::Attestation, attestation.cloned()).with(Kind::Block, block.cloned());
        assert!(!suffices(marks.of(Kind::Block)));
        assert_eq!(compare(&sighting(Kind::Block, position, 9), &marks), expected, "{name}");
    }
}

/// A migration, or the new side of a handover.
#[test]
fn a_key_that_has_never_signed_here_is_used_elsewhere_until_its_marks_cover_that() {
    let all = |mark: Option<Mark>| {
        Kind::ALL.into_iter().fold(KeyMarks::default(), |marks, kind| marks.with(kind, mark.clone()))
    };
    let imported = Some(Mark { digest: Some(digest(9)), ..raised(1010) });
    for (name, marks, level, expected) in [
        ("no marks", KeyMarks::default(), 1000, Finding::NotYetSignedHere),
        ("raised ten levels above", all(Some(raised(1010))), 1000, Finding::Unknown),
        ("raised nine levels above", all(Some(raised(1010))), 1001, Finding::NotYetSignedHere),
        ("above the raise", all(Some(raised(1010))), 1011, Finding::NotYetSignedHere),
        ("imported", all(imported), 1001, Finding::NotYetSignedHere),
        ("two kinds of three", all(Some(raised(1010))).with(Kind::Block, None), 1000, Finding::NotYetSignedHere),
    ] {
        assert_eq!(compare(&sighting(Kind::Attestation, at(level, 0), 1), &marks), expected, "{name}");
    }
}

#[test]
fn two_signatures_of_one_header_are_two_blocks() {
    let (ours, other) = (Signature::P256([7; 64]), Signature::P256([8; 64]));
    let mark = Mark { signature: Some(ours), ..knowing(None, &[(at(1000, 0), 1)]) };
    let earlier_release = Mark { signature: Some(ours), ..earlier(at(1000, 0), Some(1)) };
    for (name, mark, signature, expected) in [
        ("ours", mark.clone(), ours, Finding::Ours),
        ("another", mark, other, Finding::Foreign),
        ("ours, by an earlier release", earlier_release, ours, Finding::Ours),
    ] {
        let block = Sighting { signature: Some(signature), ..sighting(Kind::Block, at(1000, 0), 1) };
        assert_eq!(compare(&block, &KeyMarks::default().with(Kind::Block, Some(mark))), expected, "{name}");
    }
}

#[test]
fn a_stopped_mark_knows_what_it_knew() {
    let before = knowing(None, &[(at(1000, 0), 1)]);
    let stop = Stop::new("drill", "an operator", OffsetDateTime::UNIX_EPOCH, None, None).unwrap();
    let stopped = Stopped {
        position: before.position,
        digest: before.digest,
        signature: None,
        origin: before.attempt,
        stops: vec![stop],
    };
    let mark = Mark { position: STOPPED_AT, digest: None, stop: Some(Box::new(stopped)), ..before };
    let marks = KeyMarks::default().with(Kind::Attestation, Some(mark));
    for (level, fill, expected) in [(1000, 1, Finding::Ours), (1000, 9, Finding::Foreign), (1001, 9, Finding::Foreign)]
    {
        assert_eq!(compare(&sighting(Kind::Attestation, at(level, 0), fill), &marks), expected, "level {level}");
    }
}
