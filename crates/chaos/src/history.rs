//! What happened in a run, as input for the judge: requests and answers, stored marks, downtimes, and logs.
//!
//! All times are by one monotonic clock.

use crate::keys::SealedFor;
use crate::payload::{Kind, Position};
use crate::release::Started;
use oracle::crypto::PublicKey;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The history of a run.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// The start, from which times are counted in reports.
    pub(crate) start: Instant,
    /// The time since which nothing has failed.
    pub(crate) calm: Instant,
    /// The signers' configured request deadline.
    pub(crate) deadline: Duration,
    /// Public keys, by address.
    pub(crate) keys: HashMap<Arc<str>, PublicKey>,
    /// What sealed keys are sealed for, by address.
    pub(crate) sealed: HashMap<Arc<str>, SealedFor>,
    /// Every request that reached a signer.
    pub(crate) exchanges: Vec<Exchange>,
    /// Every version of every mark that the store accepted, in order.
    pub(crate) stored: Vec<Stored>,
    /// Every version of every key's stop item, in order.
    pub(crate) stop_items: Vec<StopItem>,
    /// What an operator has stopped and resumed.
    pub(crate) commands: Vec<StopCommand>,
    /// Number of requests to the store other than reading, creating and replacing items and reading metadata. An operator also
    /// lists items.
    pub(crate) other_operations: u64,
    /// Starts of signers and relays.
    pub(crate) started: Vec<Started>,
    /// Downtimes of signers, from kill to restart.
    pub(crate) down: Vec<Span>,
    /// Pauses of signers.
    pub(crate) paused: Vec<Span>,
    /// Signers that exited by themselves, or did not recover.
    pub(crate) troubles: Vec<Trouble>,
    /// What the signers logged.
    pub(crate) lines: Vec<Line>,
    /// Texts that no log may contain.
    pub(crate) secrets: Vec<Secret>,
    /// The spells; empty in a storm, which is an outage as a whole.
    pub(crate) spells: Vec<Stretch>,
    /// When the container of the marks was lost, if it was.
    pub(crate) container_loss: Option<ContainerLoss>,
    /// Keys of bakers that wait for each answer and send each request once.
    pub(crate) honest: HashSet<Arc<str>>,
    /// What the chain has shown, if the signers watched one.
    pub(crate) watched: Option<Watched>,
    /// Number of relays, which are at the first places. 0 if requests go to the signers.
    pub(crate) relays: usize,
    /// When the relays could reach only a signer with another mark store, if they ever could.
    pub(crate) other_store: Option<OtherStore>,
}

impl History {
    /// The requests and marks of both.
    pub(crate) fn with(mut self, other: Self) -> Self {
        self.exchanges.extend(other.exchanges);
        self.stored.extend(other.stored);
        self
    }

    /// The name of what runs at a place, for reports.
    pub(crate) fn name(&self, place: usize) -> String {
        let program = if place < self.relays { "relay" } else { "signer" };
        format!("{program} {place}")
    }
}

/// The signers watched a chain.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// The only signature on it that the signers had not made, if there was one.
    pub(crate) foreign: Option<ForeignVote>,
}

/// An attestation by a second signer.
#[derive(Debug, Clone)]
pub(crate) struct ForeignVote {
    /// Address of the key.
    pub(crate) key: Arc<str>,
    pub(crate) level: u32,
    /// When the nodes showed the block that contains it.
    pub(crate) shown: Instant,
    /// When they showed the block after that.
    pub(crate) next_block: Instant,
}

/// Only a signer with another mark store was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherStore {
    /// When. No requests were in flight.
    pub(crate) from: Instant,
    /// Until when. All requests had been answered.
    pub(crate) to: Instant,
    /// When all relays had returned a signature again.
    pub(crate) recovered: Instant,
    /// Number of requests for signatures that this signer got.
    pub(crate) forwarded: usize,
}

/// A period in which the same conditions held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: Instant,
    pub(crate) to: Instant,
    /// Name of the conditions.
    pub(crate) name: &'static str,
    /// For an outage: how long a signer may take to recover afterwards.
    pub(crate) recovery: Option<Duration>,
}

/// The container of the marks was deleted and created again, empty or with an older copy of its marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContainerLoss {
    /// When.
    pub(crate) at: Instant,
    /// When an operator had raised the marks, or began to. Until then, nothing may be signed.
    pub(crate) raised: Instant,
    /// When all restarted signers had signed something.
    pub(crate) recovered: Instant,
}

/// A request and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// The place of the signer.
    pub(crate) place: usize,
    /// Address of the key.
    pub(crate) key: Arc<str>,
    /// The bytes to sign.
    pub(crate) payload: Arc<[u8]>,
    /// Before the first byte was sent.
    pub(crate) at: Instant,
    /// After the last byte of the answer was read, or the client gave up.
    pub(crate) until: Instant,
    /// The answer.
    pub(crate) answer: Answer,
}

impl Exchange {
    pub(crate) const fn is_signed(&self) -> bool {
        matches!(self.answer, Answer::Signed(_))
    }

    /// The status, if it was not signed.
    pub(crate) const fn status(&self) -> Option<u16> {
        match self.answer {
            Answer::NotSigned { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether the answer says that it must never be signed.
    pub(crate) const fn is_refused(&self) -> bool {
        matches!(self.answer, Answer::NotSigned { status: 409, .. })
    }
}

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200, with this signature.
    Signed(Box<str>),
    /// Another status, with the reason.
    NotSigned {
        /// HTTP status.
        status: u16,
        /// Message for octez-client.
        reason: Box<str>,
    },
    /// An answer that octez-client cannot parse.
    Unreadable {
        /// HTTP status.
        status: u16,
        /// Body.
        body: Box<str>,
    },
    /// No answer: the connection ended, or the client timed out.
    None {
        /// What the client saw.
        why: Box<str>,
    },
}

/// Identifies a mark.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MarkId {
    pub(crate) chain: [u8; 4],
    pub(crate) key: Arc<str>,
    pub(crate) kind: Kind,
}

/// A version of a mark.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// When the store accepted it: before any response could reveal it.
    pub(crate) at: Instant,
    /// The mark.
    pub(crate) id: MarkId,
    /// Whether it was created; otherwise it was replaced.
    pub(crate) is_created: bool,
    /// Where it is, for a release that knows nothing of stops.
    pub(crate) shown: Position,
    /// Where it is: for a stopped mark, its true position.
    pub(crate) position: Position,
    /// BLAKE2b-256 of the payload.
    pub(crate) digest: Option<[u8; 32]>,
    /// For blocks.
    pub(crate) signature: Option<Box<str>>,
    /// Its stops; none, if it is not stopped.
    pub(crate) stops: Vec<StopId>,
}

impl Stored {
    pub(crate) const fn is_stopped(&self) -> bool {
        !self.stops.is_empty()
    }
}

/// The identifier of a stop.
pub(crate) type StopId = Box<str>;

/// A version of a key's stop item.
#[derive(Debug, Clone)]
pub(crate) struct StopItem {
    /// When the store accepted it.
    pub(crate) at: Instant,
    /// Address of the key.
    pub(crate) key: Arc<str>,
    pub(crate) stops: Vec<StopId>,
}

/// A command of an operator about the stops of a key.
#[derive(Debug, Clone)]
pub(crate) struct StopCommand {
    /// Address of the key.
    pub(crate) key: Arc<str>,
    pub(crate) does: Does,
    /// The stops that it has named, by itself or as those that it lifts.
    pub(crate) stops: Vec<StopId>,
    /// Before it was started.
    pub(crate) from: Instant,
    /// After it had ended.
    pub(crate) to: Instant,
    pub(crate) end: End,
}

/// What a command does to the stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// `marks stop`, or the stop of `marks handover`.
    Stop,
    /// `marks resume`.
    Resume,
    /// `marks raise` or `marks import`: it changes no stops, but the true position of stopped marks.
    Raise,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// With 0.
    Done,
    /// With an error.
    Failed(String),
    /// It was killed.
    Killed,
}

/// A period of one signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) place: usize,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl Span {
    /// The overlap with the time between two instants.
    pub(crate) fn within(&self, from: Instant, to: Instant) -> Duration {
        self.to.min(to).saturating_duration_since(self.from.max(from))
    }

    /// Whether it overlaps the time between two instants.
    pub(crate) fn touches(&self, from: Instant, to: Instant) -> bool {
        self.from <= to && from <= self.to
    }
}

/// Forbidden behaviour of a signer, apart from its answers.
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

/// A text that no log may contain.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// Name in reports.
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// Records the history as it happens.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    exchanges: Mutex<Vec<Exchange>>,
    started: Mutex<Vec<Started>>,
    down: Mutex<Vec<Span>>,
    paused: Mutex<Vec<Span>>,
    troubles: Mutex<Vec<Trouble>>,
    lines: Mutex<Vec<Line>>,
    commands: Mutex<Vec<StopCommand>>,
}

/// What a recorder has recorded.
pub(crate) struct Recorded {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) started: Vec<Started>,
    pub(crate) down: Vec<Span>,
    pub(crate) paused: Vec<Span>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) lines: Vec<Line>,
    pub(crate) commands: Vec<StopCommand>,
}

impl Recorder {
    pub(crate) fn exchange(&self, exchange: Exchange) {
        push(&self.exchanges, exchange);
    }

    pub(crate) fn started(&self, started: Started) {
        push(&self.started, started);
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

    pub(crate) fn command(&self, command: StopCommand) {
        push(&self.commands, command);
    }

    /// Number of lines from a place that contain a text.
    pub(crate) fn lines_with(&self, place: usize, text: &str) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.place == place && line.text.contains(text)).count()
    }

    /// Whether a place has signed something that was requested after this time.
    pub(crate) fn has_signed_since(&self, place: usize, since: Instant) -> bool {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let later = exchanges.iter().rev().take_while(|exchange| exchange.until > since);
        later.filter(|it| it.place == place && it.at > since).any(Exchange::is_signed)
    }

    /// Takes everything recorded so far.
    pub(crate) fn take(&self) -> Recorded {
        Recorded {
            exchanges: take(&self.exchanges),
            started: take(&self.started),
            down: take(&self.down),
            paused: take(&self.paused),
            troubles: take(&self.troubles),
            lines: take(&self.lines),
            commands: take(&self.commands),
        }
    }
}

fn push<T>(list: &Mutex<Vec<T>>, thing: T) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}
