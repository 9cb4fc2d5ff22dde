//! Hand-written histories of stops: one in which every promise holds, and others with one violation each.

use super::{Invariant, STOPPED_AT, holding};
use crate::history::{Answer, Does, End, MarkId, StopCommand, StopItem, Stored};
use crate::judge::judge;
use crate::judge::tests::{Book, at, bytes, clean};
use crate::payload::{Kind, Position};
use crate::release::{Release, Started};
use crate::stop_figures::StopFigures;
use std::sync::Arc;

const VOTE: Kind = Kind::Attestation;

fn refused_by(stop: &str) -> Answer {
    Answer::NotSigned { status: 409, reason: format!("stopped by one: why (stop {stop})").into() }
}

fn below() -> Answer {
    Answer::NotSigned { status: 409, reason: "below the high watermark".into() }
}

/// A stopped version of the attestations' mark.
fn stopped<'a>(book: &'a mut Book, ms: u64, position: Position, content: &[u8]) -> &'a mut Stored {
    let stored = book.stored(0, VOTE, ms, (position, content), None);
    (stored.shown, stored.stops) = (STOPPED_AT, vec!["a".into()]);
    stored
}

fn command(book: &mut Book, does: Does, from_to: (u64, u64), end: End) {
    let (from, to, key) = (book.at(from_to.0), book.at(from_to.1), Arc::clone(&book.keys[0].address));
    book.history.commands.push(StopCommand { key, does, stops: vec!["a".into()], from, to, end });
}

fn item(book: &mut Book, ms: u64, stops: &[&str]) {
    let (at, key) = (book.at(ms), Arc::clone(&book.keys[0].address));
    let stops = stops.iter().map(|stop| (*stop).into()).collect();
    book.history.stop_items.push(StopItem { at, key, stops });
}

/// A vote that is marked and released, by itself.
fn vote(book: &mut Book, level: u32, marked: u64, from_to: (u64, u64)) {
    let bytes = bytes(VOTE, level, 1);
    let signature = book.sign(0, &bytes, 1);
    book.stored(0, VOTE, marked, (at(level), &bytes), None);
    book.exchange(0, &bytes, from_to, Answer::Signed(signature.into()));
}

/// From 12 s to 20 s, the key is stopped at level 13. The resume raises it to level 30.
fn with_stop() -> Book {
    let mut book = clean();
    vote(&mut book, 12, 9_000, (8_990, 9_010));
    // It has a mark from before the stop, and leaves late.
    vote(&mut book, 13, 10_010, (9_990, 12_100));
    item(&mut book, 10_020, &["a"]);
    stopped(&mut book, 10_030, at(13), &bytes(VOTE, 13, 1));
    command(&mut book, Does::Stop, (10_000, 12_000), End::Done);
    book.exchange(0, &bytes(VOTE, 14, 1), (12_500, 12_510), refused_by("a"));
    // Even a repeat.
    book.exchange(0, &bytes(VOTE, 13, 1), (12_500, 12_510), refused_by("a"));
    command(&mut book, Does::Resume, (20_000, 21_000), End::Done);
    book.stored(0, VOTE, 20_500, (at(30), b""), None).digest = None;
    item(&mut book, 20_900, &[]);
    vote(&mut book, 31, 22_000, (21_990, 22_010));
    book
}

fn found(book: &mut Book) -> Vec<Invariant> {
    book.history.stored.sort_by_key(|stored| stored.at);
    book.history.stop_items.sort_by_key(|item| item.at);
    judge(&book.history).into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn a_stop_that_holds_and_is_lifted_passes() {
    let mut book = with_stop();
    assert_eq!(found(&mut book), []);
    let figures = StopFigures::of(&book.history);
    assert_eq!((figures.held, figures.left, figures.requested_after, figures.refused), (1, 1, 0, 2));
}

/// Identical requests share one answer, which may be based on a read before the stop was lifted.
#[test]
fn a_request_after_a_resume_may_share_the_refusal_of_one_in_flight() {
    const SAME: (usize, u32) = (0, 13);
    const AFTER_THE_STOP: (u64, u64) = (20_950, 21_100);
    for (first, (place, level), expected) in [
        (Some((20_850, 21_099)), SAME, &[][..]),
        (None, SAME, &[Invariant::RepeatsAreWelcome]),
        (Some((20_850, 20_940)), SAME, &[Invariant::RepeatsAreWelcome]),
        (Some((20_910, 21_099)), SAME, &[Invariant::RepeatsAreWelcome; 2]),
        (Some((20_850, 21_099)), (1, 13), &[Invariant::RepeatsAreWelcome]),
        (Some((20_850, 21_099)), (0, 14), &[Invariant::RepeatsAreWelcome]),
    ] {
        let mut book = with_stop();
        book.history.stored.retain(|stored| stored.position != at(30));
        book.stored(0, VOTE, 20_500, (at(13), &bytes(VOTE, 13, 1)), None);
        if let Some(first) = first {
            book.exchange(0, &bytes(VOTE, level, 1), first, refused_by("a")).place = place;
        }
        book.exchange(0, &bytes(VOTE, 13, 1), AFTER_THE_STOP, refused_by("a"));
        assert_eq!(found(&mut book), expected, "{first:?} {place} {level}");
    }
}

/// Another chain has its first mark after the stop.
fn new_mark(book: &mut Book, created: u64) {
    let bytes = bytes(Kind::Preattestation, 50, 1);
    let signature = book.sign(0, &bytes, 1);
    book.history.stored.retain(|stored| stored.id.kind != Kind::Preattestation);
    book.history.exchanges.retain(|it| it.payload.first() != bytes.first());
    book.stored(0, Kind::Preattestation, created, (at(50), &bytes), None);
    book.exchange(0, &bytes, (13_000, 13_020), Answer::Signed(signature.into()));
}

#[test]
fn each_violation_of_a_stop_is_found() {
    for (name, invariant, make_wrong) in [
        ("signed after the stop", Invariant::StopsAreFinal, |book: &mut Book| new_mark(book, 13_010)),
        ("signed at a stopped mark", Invariant::StopsAreFinal, |book: &mut Book| {
            stopped(book, 15_000, at(14), &bytes(VOTE, 14, 1));
        }),
        ("an earlier release would sign", Invariant::StopsAreFinal, |book: &mut Book| {
            stopped(book, 15_000, at(13), &bytes(VOTE, 13, 1)).shown = at(13);
        }),
        ("the stop is lost, the level is not", Invariant::MarksOnlyRise, |book: &mut Book| {
            stopped(book, 20_200, at(13), &bytes(VOTE, 13, 1)).stops.clear();
        }),
        ("the true position falls", Invariant::MarksOnlyRise, |book: &mut Book| {
            stopped(book, 15_000, at(12), &bytes(VOTE, 12, 1)).stops.push("b".into());
        }),
        ("a resume lowers the mark", Invariant::MarksOnlyRise, |book: &mut Book| {
            book.stored(0, VOTE, 20_100, (at(12), &bytes(VOTE, 12, 1)), None);
        }),
        ("a stop changes the digest", Invariant::MarksOnlyRise, |book: &mut Book| {
            stopped(book, 15_000, at(13), &bytes(VOTE, 13, 2)).stops.push("b".into());
        }),
        ("written again without another stop", Invariant::MarksOnlyRise, |book: &mut Book| {
            stopped(book, 15_000, at(13), &bytes(VOTE, 13, 1));
        }),
        ("nobody has lifted the stop of the mark", Invariant::StopsAreFinal, |book: &mut Book| {
            book.stored(0, VOTE, 15_000, (at(13), &bytes(VOTE, 13, 1)), None);
        }),
        ("nobody has lifted the stop of the key", Invariant::StopsAreFinal, |book: &mut Book| {
            item(book, 15_000, &[]);
        }),
        ("another stop was lifted", Invariant::StopsAreFinal, |book: &mut Book| {
            book.history.commands[1].stops = vec!["b".into()];
        }),
        ("refused because of a stop that was lifted", Invariant::FailClosedAndSayWhy, |book: &mut Book| {
            book.exchange(0, &bytes(VOTE, 32, 1), (23_000, 23_010), refused_by("a"));
        }),
        ("refused because of another stop", Invariant::FailClosedAndSayWhy, |book: &mut Book| {
            book.exchange(0, &bytes(VOTE, 14, 1), (13_000, 13_010), refused_by("b"));
        }),
        ("taken for a high mark", Invariant::FailClosedAndSayWhy, |book: &mut Book| {
            book.exchange(0, &bytes(VOTE, 14, 1), (13_000, 13_010), below());
        }),
    ] as [(&str, Invariant, fn(&mut Book)); 14]
    {
        let mut book = with_stop();
        make_wrong(&mut book);
        let found = found(&mut book);
        assert!(found.contains(&invariant), "{name}: {found:?}");
    }
}

/// It does not know that a stop can be lifted, and reads no stop item.
#[test]
fn the_first_release_may_take_a_stop_for_a_high_mark_and_create_a_mark_that_the_stop_does_not_cover() {
    for (release, created, expected) in [
        (Release::Other, 13_010, &[][..]),
        (Release::This, 13_010, &[Invariant::FailClosedAndSayWhy, Invariant::StopsAreFinal]),
        // The stop had listed this one.
        (Release::Other, 9_990, &[]),
    ] {
        let mut book = with_stop();
        let at = book.at(9_000);
        book.history.started.push(Started { place: 0, release, at });
        new_mark(&mut book, created);
        book.exchange(0, &bytes(VOTE, 40, 1), (23_000, 23_010), below());
        assert_eq!(found(&mut book), expected, "{release:?} {created}");
    }
}

#[test]
fn a_stop_holds_from_its_end_until_a_resume_begins() {
    for (end, resume, expected) in [
        (End::Done, None, Some(None)),
        (End::Done, Some(20_000), Some(Some(20_000))),
        (End::Done, Some(11_000), None),
        (End::Killed, None, None),
        (End::Failed("why".to_owned()), None, None),
    ] {
        let mut book = clean();
        command(&mut book, Does::Stop, (10_000, 12_000), end.clone());
        if let Some(from) = resume {
            command(&mut book, Does::Resume, (from, from + 1_500), End::Killed);
        }
        let until = holding(&book.history).next().map(|holding| holding.until);
        assert_eq!(until, expected.map(|until| until.map(|ms| book.at(ms))), "{end:?} {resume:?}");
    }
}

#[test]
fn an_operator_may_import_marks_while_the_key_is_stopped() {
    for (does, expected) in [(Does::Raise, &[][..]), (Does::Stop, &[Invariant::StopsAreFinal])] {
        let mut book = with_stop();
        stopped(&mut book, 15_000, at(14), &bytes(VOTE, 14, 1));
        command(&mut book, does, (14_900, 15_100), End::Done);
        assert_eq!(found(&mut book), expected, "{does:?}");
    }
}

/// Of another key, for the sake of the mark's name.
#[test]
fn a_stop_concerns_only_its_key() {
    let mut book = with_stop();
    let (key, bytes) = (Arc::clone(&book.keys[1].address), bytes(VOTE, 50, 1));
    let signature = book.sign(1, &bytes, 1);
    let stored = book.stored(1, VOTE, 13_010, (at(50), &bytes), None);
    stored.id = MarkId { key, ..stored.id.clone() };
    book.exchange(1, &bytes, (13_000, 13_020), Answer::Signed(signature.into()));
    assert_eq!(found(&mut book), []);
}
