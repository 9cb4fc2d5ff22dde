//! Hand-written histories of a chain that is watched.

use super::Invariant;
use crate::history::{Answer, ForeignVote, Line, StopItem, Watched};
use crate::judge::judge;
use crate::judge::tests::{Book, bytes, clean};
use crate::payload::Kind;
use std::sync::Arc;

const STOPPED: u64 = 10_100;

/// A vote of a second signer is shown after 10 s, at level 12, and the next block after 11 s.
fn with_second_signer() -> Book {
    let mut book = clean();
    let key = Arc::clone(&book.keys[0].address);
    let foreign = ForeignVote { key, level: 12, shown: book.at(10_000), next_block: book.at(11_000) };
    book.history.watched = Some(Watched { foreign: Some(foreign) });
    alarm(&mut book, "foreign_signature", 0, 12);
    stop(&mut book, 0, STOPPED);
    book
}

fn alarm(book: &mut Book, event: &str, key: usize, level: u32) {
    let key = &book.keys[key].address;
    let text = format!(r#"{{"level":"ERROR","fields":{{"event":"{event}","key":"{key}","level":{level}}}}}"#);
    book.history.lines.push(Line { place: 0, text: text.into() });
}

fn stop(book: &mut Book, key: usize, ms: u64) {
    let (at, key) = (book.at(ms), Arc::clone(&book.keys[key].address));
    book.history.stop_items.push(StopItem { at, key, stops: vec!["a".into()] });
}

fn found(book: &Book) -> Vec<Invariant> {
    judge(&book.history).into_iter().map(|violation| violation.invariant).collect()
}

#[test]
fn only_the_key_of_the_second_signer_is_stopped() {
    assert_eq!(found(&with_second_signer()), []);
    for (name, make_wrong) in [
        ("not stopped", |book: &mut Book| book.history.stop_items.clear()),
        ("another key is stopped", |book: &mut Book| stop(book, 1, STOPPED)),
        ("stopped before the vote was shown", |book: &mut Book| stop(book, 0, 9_000)),
        ("stopped without a second signer", |book: &mut Book| {
            book.history.watched = Some(Watched { foreign: None });
            book.history.lines.pop();
        }),
        ("an alarm about another key", |book: &mut Book| alarm(book, "foreign_signature", 1, 12)),
        ("an alarm about another level", |book: &mut Book| alarm(book, "foreign_signature", 0, 11)),
        ("another alarm", |book: &mut Book| alarm(book, "key_active_elsewhere", 0, 12)),
        ("a denunciation", |book: &mut Book| alarm(book, "denounced", 0, 12)),
        ("what may be an alarm cannot be read", |book: &mut Book| {
            book.history.lines.push(Line { place: 0, text: "foreign_signature".into() });
        }),
        ("signed after the next block", |book: &mut Book| {
            let bytes = bytes(Kind::Attestation, 11, 1);
            let signature = book.sign(0, &bytes, 1);
            book.exchange(0, &bytes, (11_500, 11_510), Answer::Signed(signature.into()));
        }),
    ] as [(&str, fn(&mut Book)); 10]
    {
        let mut book = with_second_signer();
        make_wrong(&mut book);
        assert_eq!(found(&book), [Invariant::OnlySecondSignersStopKeys], "{name}");
    }
}
