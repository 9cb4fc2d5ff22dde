//! The state machine, case by case. The model checks it in every order of events.

use super::*;
use crate::marks::{BlockRecorded, BlockRequest, MarkId, NotSafe, Request, VoteOrBlock, VoteRecorded, VoteRequest};
use crate::tezos::payload::{Kind, Position};
use crate::tezos::{Digest, Signature};

const MADE: Signature = Signature::P256([1; 64]);
const ELSEWHERE: Signature = Signature::P256([2; 64]);

fn request(kind: Kind, level: i32) -> Request {
    let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
    Request {
        id: MarkId { chain: "NetXdQprcVkpaWU".parse().unwrap(), key, kind },
        position: Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() },
        digest: Digest::from_bytes([7; 32]),
        jump_limit: None,
        max_level: None,
        requester: None,
    }
}

fn vote(request: &Request, seen: &mut Seen) -> (Recording<VoteRequest>, Step<VoteRecorded>) {
    let VoteOrBlock::Vote(vote) = request.split() else { panic!("not a vote") };
    Recording::begin(vote, AttemptId::random().unwrap(), None, seen)
}

fn block(request: &Request, seen: &mut Seen) -> (Recording<BlockRequest>, Step<BlockRecorded>) {
    let VoteOrBlock::Block(block) = request.split() else { panic!("not a block") };
    Recording::begin(block, AttemptId::random().unwrap(), None, seen)
}

/// The store's answer after another process has recorded the same request, and the key's stops were read before.
fn recorded_elsewhere(request: &Request) -> Stored {
    let mark = if request.id.kind == Kind::Block {
        let (mut other, _) = block(request, &mut Seen::default());
        other.signed(ELSEWHERE);
        other.mark
    } else {
        vote(request, &mut Seen::default()).0.mark
    };
    Stored { mark: Mark { stoppable: true, ..mark }, version: version("elsewhere") }
}

fn without_flag(stored: &Stored) -> Stored {
    Stored { mark: Mark { stoppable: false, ..stored.mark.clone() }, ..stored.clone() }
}

fn stop() -> Stop {
    Stop::new("moved", "alice", time::OffsetDateTime::UNIX_EPOCH, None, None).unwrap()
}

fn version(text: &str) -> Version {
    Version(text.to_owned())
}

fn unknown() -> WriteError {
    WriteError::Unknown(StoreError::new("no answer"))
}

#[test]
fn invariant_1_only_an_answer_of_the_store_records() {
    let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
    let (mut recording, step) = vote(&request, &mut seen);
    assert_eq!(step, Step::Read);
    assert_eq!(recording.read(Ok(None), &mut seen), Step::Write);
    assert_eq!(recording.mark().1, None, "expects that there is no mark yet");
    assert_eq!(recording.written(Ok(version("1")), &mut seen), Step::ReadStops);
    assert!(matches!(recording.stops(Ok(None), &mut seen), Step::Done(Ok(_))));

    // A repeat is known, and still has to be confirmed.
    let (_, step) = vote(&request, &mut seen);
    assert_eq!(step, Step::Confirm);
}

#[test]
fn a_higher_request_replaces_only_the_version_last_seen() {
    let mut seen = Seen::default();
    let (mut first, _) = vote(&request(Kind::Preattestation, 5), &mut seen);
    first.read(Ok(None), &mut seen);
    first.written(Ok(version("1")), &mut seen);
    first.stops(Ok(None), &mut seen);
    let (next, step) = vote(&request(Kind::Preattestation, 6), &mut seen);
    assert_eq!((step, next.mark().1), (Step::Write, Some(&version("1"))));
}

#[test]
fn an_unclear_write_is_read_back_first() {
    for answer in [WriteError::Changed, unknown()] {
        let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
        let (mut recording, _) = vote(&request, &mut seen);
        recording.read(Ok(None), &mut seen);
        assert_eq!(recording.written(Err(answer), &mut seen), Step::ReadBack);
        assert_eq!(recording.read(Ok(None), &mut seen), Step::Write, "nothing was written");
    }
}

#[test]
fn invariant_4_a_block_is_signed_once_and_released_with_what_the_store_holds() {
    let (request, mut seen) = (request(Kind::Block, 5), Seen::default());
    let (mut recording, _) = block(&request, &mut seen);
    assert_eq!(recording.read(Ok(None), &mut seen), Step::Sign);
    assert_eq!(recording.signed(MADE), Step::Write);
    recording.written(Err(unknown()), &mut seen);
    assert_eq!(recording.read(Ok(None), &mut seen), Step::Write, "not signed again");
    recording.written(Err(WriteError::Changed), &mut seen);
    let step = recording.read(Ok(Some(recorded_elsewhere(&request))), &mut seen);
    let Step::Done(Ok(recorded)) = step else { panic!("another process has recorded the same block") };
    assert_eq!(recorded.release(), ELSEWHERE, "the new signature is dropped");
}

#[test]
fn a_store_that_lost_a_mark_records_nothing() {
    let (request, mut seen) = (request(Kind::Attestation, 5), Seen::default());
    let (mut recording, _) = vote(&request, &mut seen);
    recording.read(Ok(Some(recorded_elsewhere(&request))), &mut seen);
    let (mut again, step) = vote(&request, &mut seen);
    assert_eq!(step, Step::Confirm);
    assert!(matches!(again.confirmed(Ok(None), &mut seen), Step::Done(Err(NotRecorded::Lost(_)))));

    let mut other = recorded_elsewhere(&request);
    other.mark.digest = Some(Digest::from_bytes([8; 32]));
    let step = again.confirmed(Ok(Some(other)), &mut seen);
    assert!(matches!(step, Step::Done(Err(NotRecorded::Lost(_)))), "another write");
}

#[test]
fn a_repeat_is_confirmed_by_a_read_that_another_request_has_overtaken() {
    let (first, mut seen) = (request(Kind::Attestation, 5), Seen::default());
    let stored = recorded_elsewhere(&first);
    vote(&first, &mut seen).0.read(Ok(Some(stored.clone())), &mut seen);
    let (mut repeat, _) = vote(&first, &mut seen);

    let (mut next, step) = vote(&request(Kind::Attestation, 6), &mut seen);
    assert_eq!(step, Step::Write);
    assert!(matches!(next.written(Ok(version("6")), &mut seen), Step::Done(Ok(_))));
    assert!(matches!(repeat.confirmed(Ok(Some(stored)), &mut seen), Step::Done(Ok(_))));

    let (above, step) = vote(&request(Kind::Attestation, 7), &mut seen);
    assert_eq!((step, above.mark().1), (Step::Write, Some(&version("6"))), "the newer mark is kept");
}

/// A baker that votes at every level, and baked its last block long ago.
#[test]
fn other_kinds_are_read_once_and_only_if_the_limit_would_refuse() {
    let far = Request { jump_limit: Some(100), ..request(Kind::Block, 1000) };
    let position = |level| Some(request(Kind::Block, level).position);
    let old = recorded_elsewhere(&request(Kind::Block, 5));
    for (others, expected) in [
        (position(999), Step::Sign),
        (position(7), Step::Done(Err(too_far(&far, 7)))),
        (None, Step::Done(Err(too_far(&far, 5)))),
    ] {
        let mut seen = Seen::default();
        let (mut recording, _) = block(&far, &mut seen);
        assert_eq!(recording.read(Ok(Some(old.clone())), &mut seen), Step::ReadOtherKinds);
        assert_eq!(recording.other_kinds(Ok(others), &mut seen), expected, "{others:?}");
    }
    let mut seen = Seen::default();
    let (mut recording, _) = block(&far, &mut seen);
    recording.read(Ok(Some(old.clone())), &mut seen);
    recording.other_kinds(Ok(position(999)), &mut seen);
    assert_eq!(recording.signed(MADE), Step::Write);
    assert_eq!(recording.mark().1, Some(&old.version), "the version of the same kind");
    recording.written(Err(WriteError::Changed), &mut seen);
    assert_eq!(recording.read(Ok(Some(old.clone())), &mut seen), Step::Write, "they are not read again");

    let (mut recording, _) = block(&far, &mut Seen::default());
    recording.read(Ok(Some(old)), &mut seen);
    let failed = recording.other_kinds(Err(StoreError::new("no answer")), &mut seen);
    assert!(matches!(failed, Step::Done(Err(NotRecorded::Store(_)))), "{failed:?}");

    let near = Request { jump_limit: Some(100), ..request(Kind::Block, 100) };
    let (mut recording, _) = block(&near, &mut Seen::default());
    assert_eq!(recording.read(Ok(None), &mut Seen::default()), Step::Sign);
}

fn too_far(request: &Request, mark: i32) -> NotRecorded {
    NotRecorded::NotSafe(NotSafe::JumpTooFar {
        kind: request.id.kind,
        requested: request.position,
        mark: Position { level: mark.try_into().unwrap(), round: 0.try_into().unwrap() },
        limit: 100,
    })
}

/// As when another process has created the mark, and died before it read the stops.
#[test]
fn the_stops_are_read_once_before_anything_is_released_for_a_mark_without_the_flag() {
    let (first, next) = (request(Kind::Attestation, 5), request(Kind::Attestation, 6));
    let stored = without_flag(&recorded_elsewhere(&first));
    let is_stopped = |step| matches!(step, Step::Done(Err(NotRecorded::NotSafe(NotSafe::Stopped { .. }))));

    let mut seen = Seen::default();
    let (mut repeat, _) = vote(&first, &mut seen);
    assert_eq!(repeat.read(Ok(Some(stored.clone())), &mut seen), Step::ReadStops, "a repeat");
    assert!(is_stopped(repeat.stops(Ok(Some(stop())), &mut seen)));

    let (mut confirmed, step) = vote(&first, &mut seen);
    assert_eq!(step, Step::Confirm);
    assert_eq!(confirmed.confirmed(Ok(Some(stored.clone())), &mut seen), Step::ReadStops, "a confirmed repeat");
    assert!(matches!(
        confirmed.stops(Err(StoreError::new("no answer")), &mut seen),
        Step::Done(Err(NotRecorded::Store(_)))
    ));

    let (mut above, _) = vote(&next, &mut seen);
    assert_eq!(above.written(Ok(version("6")), &mut seen), Step::ReadStops, "a write");
    assert!(!above.mark().0.stoppable);
    assert!(matches!(above.stops(Ok(None), &mut seen), Step::Done(Ok(_))));
    let written = Stored { mark: above.mark().0.clone(), version: version("6") };
    let (mut repeat, _) = vote(&next, &mut seen);
    assert!(matches!(repeat.confirmed(Ok(Some(written)), &mut seen), Step::Done(Ok(_))), "they were read");
    let (mut later, _) = vote(&request(Kind::Attestation, 7), &mut seen);
    assert!(later.mark().0.stoppable, "the next write sets the flag");
    later.written(Err(unknown()), &mut seen);
    let before = Stored { mark: Mark { stoppable: false, ..above.mark().0.clone() }, version: version("6") };
    assert_eq!(later.read(Ok(Some(before)), &mut seen), Step::Write);
    assert!(later.mark().0.stoppable, "also if it is repeated");
    assert!(matches!(later.written(Ok(version("7")), &mut seen), Step::Done(Ok(_))));
}

#[test]
fn a_stop_in_memory_is_read_again_and_a_resume_is_not_a_loss() {
    let (first, next) = (request(Kind::Attestation, 5), request(Kind::Attestation, 6));
    let signed = recorded_elsewhere(&first);
    let attempt = || AttemptId::random().unwrap();
    let stopped = Stored { mark: signed.mark.kept(attempt(), None).stopped_by(vec![stop()]), version: version("2") };
    let lifted = Stored { mark: stopped.mark.kept(attempt(), None), version: version("3") };
    let other =
        Stored { mark: Mark::new(first.position, first.digest.into(), None, attempt(), None), version: version("4") };

    let mut seen = Seen::default();
    vote(&first, &mut seen).0.read(Ok(Some(signed)), &mut seen);
    for _ in 0..2 {
        let (mut recording, step) = vote(&next, &mut seen);
        let step = match step {
            Step::Write => {
                recording.written(Err(WriteError::Changed), &mut seen);
                recording.read(Ok(Some(stopped.clone())), &mut seen)
            }
            step => {
                assert_eq!(step, Step::Read, "not refused from memory");
                recording.read(Ok(Some(stopped.clone())), &mut seen)
            }
        };
        assert!(matches!(step, Step::Done(Err(NotRecorded::NotSafe(NotSafe::Stopped { .. })))));
    }
    let (mut recording, _) = vote(&next, &mut seen);
    assert_eq!(recording.read(Ok(Some(lifted)), &mut seen), Step::Write);
    let (mut recording, _) = vote(&next, &mut seen);
    let step = recording.read(Ok(Some(other)), &mut seen);
    assert!(matches!(step, Step::Done(Err(NotRecorded::Lost(_)))), "another write at the true position: {step:?}");
}

/// The read began before this process saw the higher mark.
#[test]
fn a_read_in_flight_is_not_compared_with_a_mark_seen_meanwhile() {
    let mut seen = Seen::default();
    let [first, second, third] = [5, 6, 7].map(|level| recorded_elsewhere(&request(Kind::Attestation, level)));
    vote(&request(Kind::Attestation, 5), &mut seen).0.read(Ok(Some(first)), &mut seen);
    let (mut repeat, step) = vote(&request(Kind::Attestation, 5), &mut seen);
    assert_eq!(step, Step::Confirm);

    let (mut late, _) = vote(&request(Kind::Attestation, 8), &mut seen);
    assert_eq!(late.written(Err(WriteError::Changed), &mut seen), Step::ReadBack);
    repeat.confirmed(Ok(Some(third)), &mut seen);
    assert_eq!(late.read(Ok(Some(second)), &mut seen), Step::Write, "and the write will find another version");
}

#[test]
fn a_trail_is_kept_if_the_writer_is() {
    let mut seen = Seen::default();
    let written =
        || Some(Written { instance: "one".to_owned(), requester: None, at: time::OffsetDateTime::UNIX_EPOCH });
    for (number, level) in [(1, 5), (2, 6)] {
        let VoteOrBlock::Vote(subject) = request(Kind::Attestation, level).split() else { panic!("not a vote") };
        let (mut recording, step) = Recording::begin(subject, AttemptId::random().unwrap(), written(), &mut seen);
        if step == Step::Read {
            recording.read(Ok(None), &mut seen);
        }
        let trail = recording.mark().0.trail.clone().unwrap();
        assert_eq!((trail.sequence, trail.window.signatures().len()), (number, usize::try_from(number).unwrap()));
        recording.written(Ok(version("1")), &mut seen);
        recording.stops(Ok(None), &mut seen);
    }
}
