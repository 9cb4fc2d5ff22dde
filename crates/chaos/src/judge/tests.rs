//! Hand-written histories: a clean one, and others with one violation each.

use super::{Invariant, judge, story};
use crate::history::{
    Answer, ContainerLoss, Exchange, History, Line, MarkId, OtherStore, Secret, Span, Stored, Trouble,
};
use crate::keys::BakerKey;
use crate::payload::{Kind, Position, Variant, payload};
use oracle::crypto::digest;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CHAIN: [u8; 4] = [1, 2, 3, 4];

/// A hand-written history; times are in milliseconds from its start.
pub(crate) struct Book {
    pub(crate) keys: [BakerKey; 2],
    pub(crate) history: History,
}

impl Book {
    pub(crate) fn new() -> Self {
        let keys = [1, 2].map(|number| BakerKey::of_number(number).unwrap());
        let start = Instant::now();
        let history = History {
            start,
            calm: start + Duration::from_secs(100),
            deadline: Duration::from_secs(1),
            keys: keys.iter().map(|key| (Arc::clone(&key.address), key.public_key.clone())).collect::<HashMap<_, _>>(),
            sealed: HashMap::new(),
            exchanges: Vec::new(),
            stored: Vec::new(),
            stop_items: Vec::new(),
            commands: Vec::new(),
            other_operations: 0,
            started: Vec::new(),
            down: Vec::new(),
            paused: Vec::new(),
            troubles: Vec::new(),
            lines: vec![Line { place: 0, text: "signed".into() }],
            secrets: vec![Secret { name: "a token", text: "eyJ0secret".to_owned() }],
            spells: Vec::new(),
            container_loss: None,
            honest: HashSet::new(),
            watched: None,
            relays: 0,
            other_store: None,
        };
        Self { keys, history }
    }

    pub(crate) fn at(&self, ms: u64) -> Instant {
        self.history.start + Duration::from_millis(ms)
    }

    pub(crate) fn exchange(
        &mut self,
        key: usize,
        payload: &[u8],
        from_to: (u64, u64),
        answer: Answer,
    ) -> &mut Exchange {
        let (at, until) = (self.at(from_to.0), self.at(from_to.1));
        let key = Arc::clone(&self.keys[key].address);
        self.history.exchanges.push(Exchange { place: 0, key, payload: payload.into(), at, until, answer });
        self.history.exchanges.last_mut().unwrap()
    }

    pub(super) fn stored(
        &mut self,
        key: usize,
        kind: Kind,
        at: u64,
        what: (Position, &[u8]),
        signature: Option<&str>,
    ) -> &mut Stored {
        let id = MarkId { chain: CHAIN, key: Arc::clone(&self.keys[key].address), kind };
        let is_created = !self.history.stored.iter().any(|stored| stored.id == id);
        let digest = Some(digest(what.1));
        let signature = signature.map(Into::into);
        let (at, position) = (self.at(at), what.0);
        let stops = Vec::new();
        self.history.stored.push(Stored { at, id, is_created, shown: position, position, digest, signature, stops });
        self.history.stored.last_mut().unwrap()
    }

    /// A signature by a key, which depends on `salt`.
    pub(super) fn sign(&self, key: usize, payload: &[u8], salt: u8) -> String {
        self.keys[key].sign(payload, &[salt])
    }
}

pub(super) fn at(level: u32) -> Position {
    Position { level, round: 0 }
}

pub(super) fn bytes(kind: Kind, level: u32, content: u8) -> Vec<u8> {
    payload(CHAIN, kind, at(level), Variant { content, ..Variant::default() })
}

fn refused() -> Answer {
    Answer::NotSigned { status: 409, reason: "already signed".into() }
}

pub(crate) fn failed() -> Answer {
    Answer::NotSigned { status: 500, reason: "the vault is away".into() }
}

fn late() -> Answer {
    Answer::NotSigned { status: 408, reason: "the body did not arrive".into() }
}

/// At level 10, key 0 votes and key 1 bakes. Everything is repeated and contested, and failures have reasons.
pub(super) fn clean() -> Book {
    let mut book = Book::new();
    for (key, kind) in [(0, Kind::Attestation), (1, Kind::Block), (0, Kind::Preattestation)] {
        let (mine, theirs) = (bytes(kind, 10, 1), bytes(kind, 10, 2));
        let first = book.sign(key, &mine, 1);
        // A repeated block gets the same signature, a vote any.
        let again = if kind == Kind::Block { first.clone() } else { book.sign(key, &mine, 2) };
        book.stored(key, kind, 20, (at(10), &mine), Some(&*first).filter(|_| kind == Kind::Block));
        book.exchange(key, &mine, (10, 30), Answer::Signed(first.into()));
        book.exchange(key, &theirs, (10, 25), refused());
        book.exchange(key, &mine, (40, 50), Answer::Signed(again.into()));
        book.exchange(key, &mine, (60, 70), failed());
        book.stored(key, kind, 80, (at(11), &bytes(kind, 11, 1)), None);
        book.exchange(key, &mine, (90, 95), refused());
    }
    let (from, to) = (book.at(2_000), book.at(3_000));
    book.history.down.push(Span { place: 0, from, to });
    book.exchange(0, &bytes(Kind::Attestation, 12, 1), (1_900, 2_000), Answer::None { why: "closed".into() });
    let (from, to) = (book.at(4_000), book.at(9_000));
    book.history.paused.push(Span { place: 0, from, to });
    book.exchange(0, &bytes(Kind::Attestation, 12, 1), (3_900, 9_500), failed());
    book.exchange(0, &bytes(Kind::Attestation, 12, 1), (3_990, 9_100), late());
    book
}

/// After the clean history: at 110 s the container is replaced, by 120 s an operator has raised the marks to level 15. In
/// between nothing is signed; after that, key 0 votes at level 16.
fn with_lost_marks() -> Book {
    let mut book = clean();
    let (at, raised, recovered) = (book.at(110_000), book.at(119_500), book.at(120_000));
    book.history.container_loss = Some(ContainerLoss { at, raised, recovered });
    book.exchange(0, &bytes(Kind::Preattestation, 20, 1), (119_600, 119_610), failed());
    let kind = Kind::Attestation;
    book.exchange(0, &bytes(kind, 12, 1), (111_000, 111_010), failed());
    book.exchange(0, &bytes(kind, 10, 1), (111_000, 111_010), refused());
    book.stored(0, kind, 119_000, (self::at(15), b""), None);
    if let Some(stored) = book.history.stored.last_mut() {
        (stored.is_created, stored.digest) = (true, None);
    }
    let vote = bytes(kind, 16, 1);
    let signature = book.sign(0, &vote, 1);
    book.stored(0, kind, 120_010, (self::at(16), &vote), None);
    book.exchange(0, &vote, (120_000, 120_020), Answer::Signed(signature.into()));
    book
}

#[test]
fn a_clean_history_passes() {
    for book in [clean(), with_lost_marks()] {
        assert!(judge(&book.history).is_empty(), "{:?}", judge(&book.history));
    }
}

#[test]
fn violations_after_a_loss_of_marks_are_found() {
    let vote = bytes(Kind::Attestation, 13, 1);
    for (name, invariant, make_wrong) in [
        ("signed although the marks are lost", Invariant::LostMarksStopKeys, |book: &mut Book, vote: &[u8]| {
            book.stored(0, Kind::Attestation, 112_000, (at(13), vote), None);
            let signature = book.sign(0, vote, 1);
            book.exchange(0, vote, (112_000, 112_010), Answer::Signed(signature.into()));
        }),
        ("another digest at an earlier level", Invariant::OneDigestASlot, |book: &mut Book, _: &[u8]| {
            let other = bytes(Kind::Attestation, 10, 2);
            let signature = book.sign(0, &other, 1);
            book.exchange(0, &other, (121_000, 121_010), Answer::Signed(signature.into()));
        }),
        ("failed after the marks were raised", Invariant::CalmIsAnswered, |book: &mut Book, vote: &[u8]| {
            book.exchange(0, vote, (121_000, 121_010), failed());
        }),
    ] as [(&str, Invariant, fn(&mut Book, &[u8])); 3]
    {
        let mut book = with_lost_marks();
        make_wrong(&mut book, &vote);
        let found: Vec<_> = judge(&book.history).into_iter().map(|violation| violation.invariant).collect();
        assert!(found.contains(&invariant), "{name}: {found:?}");
    }
}

/// After the clean history, from 110 s to 119 s, relay 0 can reach only a signer with another mark store.
fn with_other_store(forwarded: usize, answer: Answer) -> Book {
    let mut book = clean();
    let (from, to, recovered) = (book.at(110_000), book.at(119_000), book.at(120_000));
    (book.history.relays, book.history.other_store) = (1, Some(OtherStore { from, to, recovered, forwarded }));
    book.exchange(0, &bytes(Kind::Attestation, 10, 2), (111_000, 111_010), answer);
    book.exchange(0, &bytes(Kind::Attestation, 12, 1), (119_500, 119_510), failed());
    book
}

#[test]
fn answers_based_on_another_store_are_found() {
    let book = clean();
    let signed = || Answer::Signed(book.sign(0, &bytes(Kind::Attestation, 10, 2), 1).into());
    for (forwarded, answer, is_violation) in
        [(0, failed(), false), (1, failed(), true), (0, refused(), true), (0, signed(), true)]
    {
        let book = with_other_store(forwarded, answer.clone());
        let found: Vec<_> = judge(&book.history).into_iter().map(|violation| violation.invariant).collect();
        assert_eq!(found.contains(&Invariant::OneStore), is_violation, "{forwarded} {answer:?}: {found:?}");
        assert!(is_violation || found.is_empty(), "{found:?}");
    }
}

/// A violation, by name, and the change to a clean history that causes it.
type Wrong = (&'static str, Invariant, fn(&mut Book));

const WRONGS: &[Wrong] = &[
    ("released without a mark", Invariant::OneTruth, |book| {
        let payload = bytes(Kind::Attestation, 20, 1);
        let signature = book.sign(0, &payload, 1);
        book.exchange(0, &payload, (100, 110), Answer::Signed(signature.into()));
    }),
    ("released before the mark was stored", Invariant::OneTruth, |book| {
        let payload = bytes(Kind::Preattestation, 20, 1);
        let signature = book.sign(0, &payload, 1);
        book.exchange(0, &payload, (100, 110), Answer::Signed(signature.into()));
        book.stored(0, Kind::Preattestation, 111, (at(20), &payload), None);
    }),
    ("released under the mark of other data", Invariant::OneTruth, |book| {
        let payload = bytes(Kind::Attestation, 20, 1);
        let signature = book.sign(0, &payload, 1);
        book.stored(0, Kind::Attestation, 100, (at(20), &bytes(Kind::Attestation, 20, 2)), None);
        book.exchange(0, &payload, (100, 110), Answer::Signed(signature.into()));
    }),
    ("the mark is another key's", Invariant::OneTruth, |book| {
        let payload = bytes(Kind::Attestation, 20, 1);
        let signature = book.sign(0, &payload, 1);
        book.stored(1, Kind::Attestation, 100, (at(20), &payload), None);
        book.exchange(0, &payload, (100, 110), Answer::Signed(signature.into()));
    }),
    ("a mark falls", Invariant::MarksOnlyRise, |book| {
        book.stored(0, Kind::Attestation, 100, (at(5), &bytes(Kind::Attestation, 5, 1)), None);
    }),
    ("a mark is written again at one position", Invariant::MarksOnlyRise, |book| {
        book.stored(1, Kind::Block, 100, (at(11), &bytes(Kind::Block, 11, 1)), None);
    }),
    ("a mark was deleted and created loss", Invariant::MarksOnlyRise, |book| {
        book.stored(0, Kind::Attestation, 100, (at(30), &bytes(Kind::Attestation, 30, 1)), None);
        book.history.stored.last_mut().unwrap().is_created = true;
    }),
    ("a mark was never created", Invariant::MarksOnlyRise, |book| {
        book.stored(1, Kind::Attestation, 100, (at(30), &bytes(Kind::Attestation, 30, 1)), None);
        book.history.stored.last_mut().unwrap().is_created = false;
    }),
    ("an item was deleted", Invariant::MarksOnlyRise, |book| book.history.other_operations = 1),
    ("two digests of one slot", Invariant::OneDigestASlot, |book| {
        let payload = bytes(Kind::Attestation, 10, 2);
        let signature = book.sign(0, &payload, 1);
        book.exchange(0, &payload, (50, 60), Answer::Signed(signature.into()));
    }),
    ("two digests of one slot, one of them with DAL content", Invariant::OneDigestASlot, |book| {
        let payload = payload(CHAIN, Kind::Attestation, at(10), Variant { content: 1, extra: 3, ..Variant::default() });
        let signature = book.sign(0, &payload, 1);
        book.exchange(0, &payload, (50, 60), Answer::Signed(signature.into()));
    }),
    ("two digests of one slot of another branch", Invariant::OneDigestASlot, |book| {
        let payload = payload(CHAIN, Kind::Block, at(10), Variant { content: 1, branch: 1, ..Variant::default() });
        let signature = book.sign(1, &payload, 1);
        book.exchange(1, &payload, (50, 60), Answer::Signed(signature.into()));
    }),
    ("two signatures of one block", Invariant::OneSignatureABlock, |book| {
        let payload = bytes(Kind::Block, 10, 1);
        let signature = book.sign(1, &payload, 9);
        book.exchange(1, &payload, (50, 60), Answer::Signed(signature.into()));
    }),
    ("a block's signature is not the stored one", Invariant::OneSignatureABlock, |book| {
        let payload = bytes(Kind::Block, 20, 1);
        let signatures = [1, 2].map(|salt| book.sign(1, &payload, salt));
        book.stored(1, Kind::Block, 100, (at(20), &payload), Some(&signatures[0]));
        book.exchange(1, &payload, (100, 110), Answer::Signed((*signatures[1]).into()));
    }),
    ("a repeat is refused", Invariant::RepeatsAreWelcome, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 10, 1), (50, 60), refused());
    }),
    ("a block's repeat is refused", Invariant::RepeatsAreWelcome, |book| {
        book.exchange(1, &bytes(Kind::Block, 10, 1), (50, 60), refused());
    }),
    ("refused, and there is no mark", Invariant::FailClosedAndSayWhy, |book| {
        book.exchange(1, &bytes(Kind::Attestation, 10, 1), (50, 60), refused());
    }),
    ("refused, and the mark is below", Invariant::FailClosedAndSayWhy, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (100, 110), refused());
    }),
    ("refused before the mark was stored", Invariant::FailClosedAndSayWhy, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 10, 2), (5, 15), refused());
    }),
    ("a fault is refused by policy", Invariant::FailClosedAndSayWhy, |book| {
        let answer = Answer::NotSigned { status: 403, reason: "not allowed".into() };
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (100, 110), answer);
    }),
    ("a fault is an unknown key", Invariant::FailClosedAndSayWhy, |book| {
        let answer = Answer::NotSigned { status: 404, reason: "no key".into() };
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (100, 110), answer);
    }),
    ("a body is late before the deadline", Invariant::FailClosedAndSayWhy, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (100, 1_050), late());
    }),
    ("failed without a reason", Invariant::FailClosedAndSayWhy, |book| {
        let answer = Answer::NotSigned { status: 500, reason: " ".into() };
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (100, 110), answer);
    }),
    ("an unreadable answer", Invariant::FailClosedAndSayWhy, |book| {
        let answer = Answer::Unreadable { status: 502, body: "bad gateway".into() };
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (100, 110), answer);
    }),
    ("failed long after the deadline", Invariant::FailClosedAndSayWhy, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (10_000, 15_500), failed());
    }),
    (
        "signed long after the deadline, the pause of another signer being no excuse",
        Invariant::FailClosedAndSayWhy,
        |book| {
            book.exchange(0, &bytes(Kind::Attestation, 12, 1), (3_900, 9_500), failed()).place = 1;
        },
    ),
    ("no answer, and nobody was killed", Invariant::FailClosedAndSayWhy, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (5_000, 6_000), Answer::None { why: "closed".into() });
    }),
    ("no answer, and another signer was killed", Invariant::FailClosedAndSayWhy, |book| {
        let answer = Answer::None { why: "closed".into() };
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (2_100, 2_200), answer).place = 1;
    }),
    ("a signature of other data", Invariant::SignaturesAreValid, |book| {
        let signature = book.sign(0, &bytes(Kind::Attestation, 10, 2), 1);
        book.exchange(0, &bytes(Kind::Attestation, 10, 1), (50, 60), Answer::Signed(signature.into()));
    }),
    ("a signature of the other curve", Invariant::SignaturesAreValid, |book| {
        let payload = bytes(Kind::Attestation, 10, 1);
        let signature = book.sign(1, &payload, 1);
        book.exchange(0, &payload, (50, 60), Answer::Signed(signature.into()));
    }),
    ("a signature with a high s", Invariant::SignaturesAreValid, |book| {
        let payload = bytes(Kind::Attestation, 10, 1);
        let high = book.keys[1].sign_with_high_s(&payload);
        book.stored(1, Kind::Attestation, 20, (at(10), &payload), None);
        book.exchange(1, &payload, (50, 60), Answer::Signed(high.into()));
    }),
    ("a malformed signature", Invariant::SignaturesAreValid, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 10, 1), (50, 60), Answer::Signed("p2sig".into()));
    }),
    ("a token is logged", Invariant::SecretsStayOutOfSight, |book| {
        book.history.lines.push(Line { place: 2, text: "sent Bearer eyJ0secret and more".into() });
    }),
    ("refused in the calm, although permitted otherwise", Invariant::CalmIsAnswered, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 10, 2), (100_000, 100_010), refused());
    }),
    ("failed in the calm", Invariant::CalmIsAnswered, |book| {
        book.exchange(0, &bytes(Kind::Attestation, 12, 1), (100_000, 100_010), failed());
    }),
    ("a signer ended by itself", Invariant::CalmIsAnswered, |book| {
        book.history.troubles.push(Trouble { place: 1, what: "it ended".to_owned() });
    }),
];

#[test]
fn each_violation_is_found_and_attributed() {
    for (name, invariant, make_wrong) in WRONGS {
        let mut book = clean();
        make_wrong(&mut book);
        let found: Vec<_> = judge(&book.history).into_iter().map(|violation| violation.invariant).collect();
        assert!(found.contains(invariant), "{name}: {found:?}");
        // Only consequences: a mark cannot cover two digests, for example.
        let is_consequence = |other: &Invariant| match invariant {
            Invariant::OneDigestASlot | Invariant::OneSignatureABlock => {
                matches!(other, Invariant::OneTruth | Invariant::OneSignatureABlock)
            }
            _ => false,
        };
        assert!(found.iter().all(|other| other == invariant || is_consequence(other)), "{name}: {found:?}");
    }
}

#[test]
fn a_violation_has_the_history_of_its_slot() {
    let mut book = clean();
    let payload = bytes(Kind::Attestation, 10, 2);
    let signature = book.sign(0, &payload, 1);
    book.exchange(0, &payload, (50, 60), Answer::Signed(signature.into()));
    let found = judge(&book.history);
    let violation = found.iter().find(|it| it.invariant == Invariant::OneDigestASlot).unwrap();
    let story = story(&book.history, violation.slot.as_ref().unwrap());
    assert_eq!(story.len(), 8, "six requests, the mark at the slot and the next one: {story:#?}");
    assert!(story.is_sorted_by_key(|line| &line[..9]), "in chronological order: {story:#?}");
}
