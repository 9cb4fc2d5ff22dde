//! All that happened, as the judge reads it: what was asked and answered, what was stored, who was down, and the logs.
//!
//! Every time in it is of one clock, which only goes forward.

use crate::keys::PublicKey;
use crate::payload::{Kind, Position};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// All that happened in a run.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// When it began: times are told from here on.
    pub(crate) start: Instant,
    /// From when on nothing went wrong any more.
    pub(crate) calm: Instant,
    /// After so long a signer must have answered, by its settings.
    pub(crate) deadline: Duration,
    /// Who the signatures are of, by address.
    pub(crate) keys: HashMap<Arc<str>, PublicKey>,
    /// Every request that reached a signer.
    pub(crate) asked: Vec<Exchange>,
    /// Every version of every mark that the store accepted, in order.
    pub(crate) stored: Vec<Stored>,
    /// How many requests to the store were none to read, create or replace an item, or to read metadata.
    pub(crate) other_operations: u64,
    /// When signers were not running, from the kill to the next start.
    pub(crate) down: Vec<Span>,
    /// When signers stood still.
    pub(crate) paused: Vec<Span>,
    /// Signers that ended without being killed, or did not get ready in the calm.
    pub(crate) troubles: Vec<Trouble>,
    /// What the signers logged.
    pub(crate) lines: Vec<Line>,
    /// What must be in no log.
    pub(crate) secrets: Vec<Secret>,
    /// What the time was like, stretch by stretch; empty in a storm, which is an outage as a whole.
    pub(crate) spells: Vec<Stretch>,
    /// When the container of the marks was made anew, if it was.
    pub(crate) made_anew: Option<MadeAnew>,
    /// The keys of bakers who wait for each answer and ask once for each thing.
    pub(crate) honest: HashSet<Arc<str>>,
}

/// Some time in which all was well, or the same thing was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    /// What it was like, in a word.
    pub(crate) name: &'static str,
    /// If no signer can be expected to sign everything: how long it may need afterwards until it does.
    pub(crate) recovery: Option<Duration>,
}

/// The container of the marks was deleted, and another one made under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MadeAnew {
    /// Nothing was under way then.
    pub(crate) at: Instant,
    /// When an operator had raised the marks, and started the signers again. In between nothing may be signed.
    pub(crate) raised: Instant,
    /// From when on all of them answer.
    pub(crate) answers: Instant,
}

/// A request and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// Which of the signers.
    pub(crate) place: usize,
    /// The address of the key.
    pub(crate) key: Arc<str>,
    /// The very bytes to be signed.
    pub(crate) payload: Arc<[u8]>,
    /// Before the first byte was sent.
    pub(crate) at: Instant,
    /// After the last byte of the answer was read, or when there was to be none.
    pub(crate) until: Instant,
    /// What came of it.
    pub(crate) answer: Answer,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200, with this signature.
    Signed(Box<str>),
    /// Another status, with the reason.
    NotSigned {
        /// The HTTP status.
        status: u16,
        /// The message for octez-client.
        reason: Box<str>,
    },
    /// An answer that octez-client would not understand.
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Box<str>,
    },
    /// No answer: the connection ended, or the client gave up after a long time.
    None {
        /// What the client saw.
        why: Box<str>,
    },
}

/// What marks are kept for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MarkId {
    pub(crate) chain: [u8; 4],
    pub(crate) key: Arc<str>,
    pub(crate) kind: Kind,
}

/// A version of a mark.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// When the store accepted it. Nobody was told of it before.
    pub(crate) at: Instant,
    /// Of which mark.
    pub(crate) id: MarkId,
    /// Whether it was created; replaced otherwise.
    pub(crate) is_created: bool,
    pub(crate) position: Position,
    /// BLAKE2b-256 of the payload.
    pub(crate) digest: Option<[u8; 32]>,
    /// Of blocks.
    pub(crate) signature: Option<Box<str>>,
}

/// Some time of one signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) place: usize,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl Span {
    /// How much of the time between two instants is in it.
    pub(crate) fn within(&self, from: Instant, to: Instant) -> Duration {
        self.to.min(to).saturating_duration_since(self.from.max(from))
    }

    /// Whether it has anything in common with the time between two instants.
    pub(crate) fn touches(&self, from: Instant, to: Instant) -> bool {
        self.from <= to && from <= self.to
    }
}

/// What a signer did that none may.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) place: usize,
    pub(crate) what: String,
}

/// A line of a log.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) place: usize,
    pub(crate) text: Box<str>,
}

/// What must be in no log.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// What it is.
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// What is written down while it happens.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    asked: Mutex<Vec<Exchange>>,
    down: Mutex<Vec<Span>>,
    paused: Mutex<Vec<Span>>,
    troubles: Mutex<Vec<Trouble>>,
    lines: Mutex<Vec<Line>>,
}

/// What a recorder has written down.
pub(crate) struct Recorded {
    pub(crate) asked: Vec<Exchange>,
    pub(crate) down: Vec<Span>,
    pub(crate) paused: Vec<Span>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) lines: Vec<Line>,
}

impl Recorder {
    pub(crate) fn asked(&self, asked: Exchange) {
        push(&self.asked, asked);
    }

    pub(crate) fn down(&self, span: Span) {
        push(&self.down, span);
    }

    pub(crate) fn paused(&self, span: Span) {
        push(&self.paused, span);
    }

    pub(crate) fn trouble(&self, place: usize, what: String) {
        push(&self.troubles, Trouble { place, what });
    }

    pub(crate) fn line(&self, line: Line) {
        push(&self.lines, line);
    }

    /// Everything so far, which is then forgotten here.
    pub(crate) fn take(&self) -> Recorded {
        Recorded {
            asked: take(&self.asked),
            down: take(&self.down),
            paused: take(&self.paused),
            troubles: take(&self.troubles),
            lines: take(&self.lines),
        }
    }
}

fn push<T>(list: &Mutex<Vec<T>>, thing: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}
