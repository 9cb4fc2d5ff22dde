//! The rule, row by row.

use super::*;
use crate::answer::Verdict;
use crate::marks::AttemptId;
use crate::tezos::payload::NonNegative;
use time::OffsetDateTime;

fn at(level: i32, round: i32) -> Position {
    Position { level: level.try_into().unwrap(), round: round.try_into().unwrap() }
}

fn id(kind: Kind) -> MarkId {
    let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
    MarkId { chain: "NetXdQprcVkpaWU".parse().unwrap(), key, kind }
}

fn digest(fill: u8) -> Digest {
    Digest::from_bytes([fill; 32])
}

const SIGNATURE: Signature = Signature::Ed25519([7; 64]);

/// The table of the module's documentation, row by row.
#[test]
fn the_rule() {
    let attempt = AttemptId::random().unwrap();
    let block_at_5_2 = Mark::new(at(5, 2), Some(digest(1)), Some(SIGNATURE), attempt, None);
    let vote_at_5_2 = Mark { signature: None, ..block_at_5_2.clone() };
    let by_hand = Mark { digest: None, signature: None, ..block_at_5_2.clone() };
    let stop = Stop::new("moved", "alice", OffsetDateTime::UNIX_EPOCH, None, None).unwrap();
    let stopped = block_at_5_2.clone().stopped_by(vec![stop.clone()]);

    let repeat = Ok(Safe::Repeat { signature: Some(SIGNATURE) });
    let sign_again = Ok(Safe::Repeat { signature: None });
    let (block, vote) = (Kind::Block, Kind::Attestation);
    let below = |kind, requested| Err(NotSafe::BelowMark { kind, requested, mark: at(5, 2) });
    let different =
        |kind| Err(NotSafe::DifferentData { kind, requested: at(5, 2), digest: digest(2), signed: digest(1) });
    let stopped_by = |stop: &Stop| Err(NotSafe::Stopped { key: id(Kind::Block).key, stop: Box::new(stop.clone()) });
    let raised_here = |kind| Err(NotSafe::RaisedHere { kind, requested: at(5, 2) });
    let max = NonNegative::MAX.get().try_into().unwrap();

    let rows = [
        ("no mark", None, vote, at(0, 0), 1, Ok(Safe::Advance)),
        ("no mark, highest position", None, block, at(max, max), 1, Ok(Safe::Advance)),
        ("level above", Some(&vote_at_5_2), vote, at(6, 0), 2, Ok(Safe::Advance)),
        ("round above", Some(&vote_at_5_2), vote, at(5, 3), 2, Ok(Safe::Advance)),
        ("same vote", Some(&vote_at_5_2), vote, at(5, 2), 1, sign_again.clone()),
        ("same vote, mark with a signature", Some(&block_at_5_2), vote, at(5, 2), 1, sign_again),
        ("same block", Some(&block_at_5_2), block, at(5, 2), 1, repeat),
        (
            "same block, signature unknown",
            Some(&vote_at_5_2),
            block,
            at(5, 2),
            1,
            Err(NotSafe::SignatureUnknown { requested: at(5, 2) }),
        ),
        ("other vote", Some(&vote_at_5_2), vote, at(5, 2), 2, different(vote)),
        ("other block", Some(&block_at_5_2), block, at(5, 2), 2, different(block)),
        ("vote at a mark raised by hand", Some(&by_hand), vote, at(5, 2), 1, raised_here(vote)),
        ("block at a mark raised by hand", Some(&by_hand), block, at(5, 2), 1, raised_here(block)),
        ("stopped, same block", Some(&stopped), block, at(5, 2), 1, stopped_by(&stop)),
        ("stopped, below", Some(&stopped), block, at(5, 1), 1, stopped_by(&stop)),
        ("stopped, highest position", Some(&stopped), vote, at(max, max), 1, stopped_by(&stop)),
        ("round below", Some(&vote_at_5_2), vote, at(5, 1), 1, below(vote, at(5, 1))),
        ("level below, round above", Some(&block_at_5_2), block, at(4, 9), 1, below(block, at(4, 9))),
    ];
    for (name, stored, kind, position, fill, expected) in rows {
        let request = Request {
            id: id(kind),
            position,
            digest: digest(fill),
            jump_limit: None,
            max_level: None,
            requester: None,
        };
        assert_eq!(decide(stored, &request), expected, "{name}");
    }
}

#[test]
fn a_level_far_above_the_mark_is_refused() {
    let mark = mark_at(at(1000, 0));
    for (level, limit, is_safe) in [
        (1100, Some(100), true),
        (1101, Some(100), false),
        (1101, None, true),
        (i32::MAX, Some(u32::MAX), true),
        (i32::MAX, Some(100_000), false),
    ] {
        let request = Request {
            id: id(Kind::Block),
            position: at(level, 0),
            digest: digest(1),
            jump_limit: limit,
            max_level: None,
            requester: None,
        };
        assert_eq!(decide(Some(&mark), &request).is_ok(), is_safe, "{level} {limit:?}");
    }
    let first = Request {
        id: id(Kind::Block),
        position: at(i32::MAX, 0),
        digest: digest(1),
        jump_limit: Some(1),
        max_level: None,
        requester: None,
    };
    assert_eq!(decide(None, &first), Ok(Safe::Advance));
}

fn mark_at(position: Position) -> Mark {
    Mark::new(position, None, None, AttemptId::random().unwrap(), None)
}

#[test]
fn a_jump_is_measured_from_the_keys_highest_mark_of_any_kind() {
    let too_far = |mark| Err((at(1101, 0), mark));
    for (name, stored, others, depends, expected) in [
        ("by its own mark", Some(at(1001, 0)), None, false, Ok(())),
        ("by the mark of another kind", Some(at(7, 0)), Some(at(1001, 0)), true, Ok(())),
        ("no kind is near", Some(at(7, 0)), Some(at(1000, 9)), true, too_far(at(1000, 9))),
        ("the others are behind", Some(at(1000, 0)), Some(at(7, 0)), true, too_far(at(1000, 0))),
        ("the first of its kind", None, Some(at(1001, 0)), true, Ok(())),
        ("the first of its kind, far off", None, Some(at(1000, 0)), true, too_far(at(1000, 0))),
        ("the first of all", None, None, true, Ok(())),
    ] {
        let stored = stored.map(mark_at);
        let (position, digest) = (at(1101, 0), digest(1));
        let request =
            Request { id: id(Kind::Block), position, digest, jump_limit: Some(100), max_level: None, requester: None };
        let verdict = decide_among(stored.as_ref(), others, &request).map(drop).map_err(|error| match error {
            NotSafe::JumpTooFar { requested, mark, .. } => (requested, mark),
            other => panic!("{name}: {other}"),
        });
        assert_eq!(verdict, expected, "{name}");
        assert_eq!(depends_on_other_kinds(stored.as_ref(), &request), depends, "{name}");
    }
}

#[test]
fn an_impossible_level_is_refused_even_without_a_mark() {
    let max = NonNegative::try_from(2000).unwrap();
    let request = |level| Request {
        id: id(Kind::Block),
        position: at(level, 0),
        digest: digest(1),
        jump_limit: None,
        max_level: Some(max),
        requester: None,
    };
    let refused = Err(NotSafe::LevelImpossible { kind: Kind::Block, requested: at(2001, 0), max });
    for stored in [None, Some(mark_at(at(1999, 0)))] {
        assert_eq!(decide(stored.as_ref(), &request(2000)), Ok(Safe::Advance));
        assert_eq!(decide(stored.as_ref(), &request(2001)), refused);
    }
    let there = Mark { digest: Some(digest(1)), signature: Some(SIGNATURE), ..mark_at(at(2001, 0)) };
    let repeat = Ok(Safe::Repeat { signature: Some(SIGNATURE) });
    assert_eq!(decide(Some(&there), &request(2001)), repeat, "a released signature may be released again");
}

#[test]
fn invariant_2_marks_only_rise() {
    let mark = mark_at(at(5, 2));
    for (position, rises) in
        [(at(5, 1), false), (at(4, 9), false), (at(5, 2), false), (at(5, 3), true), (at(6, 0), true)]
    {
        assert_eq!(is_raised_by(&mark, position), rises, "{position}");
    }
}

#[test]
fn the_true_position_of_a_stopped_mark_never_falls() {
    let stop = |reason| Stop::new(reason, "alice", OffsetDateTime::UNIX_EPOCH, None, None).unwrap();
    let (one, other) = (vec![stop("one")], vec![stop("other")]);
    let signed = Mark { digest: Some(digest(1)), signature: Some(SIGNATURE), ..mark_at(at(5, 2)) };
    let attempt = || AttemptId::random().unwrap();
    let kept = || signed.kept(attempt(), None);
    let stopped = signed.clone().stopped_by(one.clone());
    let raised = mark_at(at(6, 0));
    let elsewhere = Mark { digest: Some(digest(1)), signature: Some(SIGNATURE), ..mark_at(at(5, 2)) };
    for (name, before, after, may_follow_it) in [
        ("stopped", &signed, kept().stopped_by(one.clone()), true),
        ("stopped and raised", &signed, raised.clone().stopped_by(one.clone()), true),
        ("stopped again", &stopped, kept().stopped_by(other.clone()), true),
        ("lifted", &stopped, kept(), true),
        ("lifted and raised", &stopped, raised.clone(), true),
        ("raised inside", &stopped, raised.stopped_by(one.clone()), true),
        ("lowered inside", &stopped, mark_at(at(5, 1)).stopped_by(one.clone()), false),
        ("lifted and lowered", &stopped, mark_at(at(5, 1)), false),
        ("lifted, without the digest", &stopped, Mark { digest: None, ..kept() }, false),
        ("lifted, by another write", &stopped, elsewhere, false),
        ("no stop at all", &signed, kept(), false),
        ("stopped and lowered", &signed, mark_at(at(5, 1)).stopped_by(one), false),
    ] {
        assert_eq!(may_follow(before, &after), may_follow_it, "{name}");
    }
}

/// Alerts and the operations guide refer to them.
#[test]
fn each_cause_has_a_stable_name() {
    let (kind, requested, mark, max) = (Kind::Block, at(5, 2), at(5, 3), NonNegative::MAX);
    let stop = Stop::new("moved", "alice", OffsetDateTime::UNIX_EPOCH, None, None).unwrap();
    for (not_safe, cause) in [
        (NotSafe::BelowMark { kind, requested, mark }, "below_mark"),
        (NotSafe::DifferentData { kind, requested, digest: digest(1), signed: digest(2) }, "different_data"),
        (NotSafe::RaisedHere { kind, requested }, "raised_here"),
        (NotSafe::SignatureUnknown { requested }, "signature_unknown"),
        (NotSafe::JumpTooFar { kind, requested, mark, limit: 1 }, "too_far"),
        (NotSafe::LevelImpossible { kind, requested, max }, "level_impossible"),
        (NotSafe::MarkLost { id: id(kind) }, "mark_lost"),
        (NotSafe::Stopped { key: id(kind).key, stop: Box::new(stop) }, "stopped"),
    ] {
        assert_eq!((not_safe.cause().name(), not_safe.cause().verdict()), (cause, Verdict::Refused));
    }
}
