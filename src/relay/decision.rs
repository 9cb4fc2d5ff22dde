//! The decision for one request: which upstream gets it, when, and which reply is the answer. Pure: no clock and no I/O.
//!
//! Repeating and hedging are safe because the mark decides, not the relay: no matter how often a request is sent, one payload per
//! position is signed. This decision only affects how soon a good answer arrives. It is public for the model, which drives it.

use crate::answer::Cause;
use std::time::Duration;

/// Requests in flight for one request of a client. The second one is the hedge.
const MAX_IN_FLIGHT: usize = 2;

/// The longest pause between two failed requests.
const MAX_PAUSE: Duration = Duration::from_millis(400);

/// What a reply of an upstream means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A signature, verified.
    Signed,
    /// Refused, and every other upstream would refuse it too: different data at the same position, or a stopped key.
    Final,
    /// Below the high watermark. Final, unless another request for the same bytes is in flight, which may hold the signature.
    BelowMark,
    /// Refused for a reason that another upstream may see differently, such as its policy or its node's head.
    Refused,
    /// The signer could not decide or sign now, or it did not answer. It may succeed later.
    Failed {
        /// Whether the reply is the signer's own.
        by_signer: bool,
    },
    /// This upstream will not do better for this request: a credential was rejected, a signature is wrong, or the store is
    /// another one.
    Unusable,
}

impl Outcome {
    /// What a signer's refusal means. `None` is a cause that only a newer signer knows.
    pub const fn of_refusal(cause: Option<Cause>) -> Self {
        match cause {
            Some(Cause::DifferentData | Cause::Stopped) => Self::Final,
            Some(Cause::BelowMark) => Self::BelowMark,
            _ => Self::Refused,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<R> {
    /// Send the request to this upstream, over a connection that no other request is using.
    Send(usize),
    /// Wait for a reply, and no longer than until this time, if there is one.
    Wait(Option<Duration>),
    /// Answer with this reply. `None` if there is no upstream at all.
    Answer(Option<R>),
}

/// The state of one request. Times are since its arrival.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decision<R> {
    hedge: Duration,
    candidates: Vec<Candidate>,
    next_send: Duration,
    failures: u32,
    below_mark: bool,
    answer: Option<R>,
    best: Option<(Rank, R)>,
}

/// An upstream, as this request sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Candidate {
    upstream: usize,
    in_flight: usize,
    sent: usize,
    is_exhausted: bool,
}

/// Which reply is the answer if there is no final one: the greatest. Among equals, the last; but without any reply of a signer the
/// first, since the last request is often merely too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Rank {
    NoReply,
    Unusable,
    Failed,
    Refused,
    BelowMark,
}

impl<R> Decision<R> {
    /// A request for these upstreams, in order of preference. After `hedge` without an answer, it is sent a second time.
    pub fn new(order: impl IntoIterator<Item = usize>, hedge: Duration) -> Self {
        let candidate = |upstream| Candidate { upstream, in_flight: 0, sent: 0, is_exhausted: false };
        Self {
            hedge,
            candidates: order.into_iter().map(candidate).collect(),
            next_send: Duration::ZERO,
            failures: 0,
            below_mark: false,
            answer: None,
            best: None,
        }
    }

    /// What to do at `now`. Call it again after each [`Action::Send`], each reply, and at the time that [`Action::Wait`] names.
    pub fn next(&mut self, now: Duration) -> Action<R> {
        if let Some(answer) = self.answer.take() {
            return Action::Answer(Some(answer));
        }
        let in_flight: usize = self.candidates.iter().map(|candidate| candidate.in_flight).sum();
        let candidate = self.next_candidate();
        match candidate {
            None if in_flight == 0 => Action::Answer(self.best.take().map(|(_, reply)| reply)),
            Some(candidate) if in_flight < MAX_IN_FLIGHT => {
                if now < self.next_send {
                    return Action::Wait(Some(self.next_send));
                }
                self.next_send = now.saturating_add(self.hedge);
                let Some(candidate) = self.candidates.get_mut(candidate) else { return Action::Wait(None) };
                candidate.in_flight += 1;
                candidate.sent += 1;
                Action::Send(candidate.upstream)
            }
            _ => Action::Wait(None),
        }
    }

    /// A reply of `upstream`, or that there will be none.
    pub fn replied(&mut self, upstream: usize, outcome: Outcome, reply: R, now: Duration) {
        let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.upstream == upstream) else {
            return;
        };
        candidate.in_flight = candidate.in_flight.saturating_sub(1);
        let rank = match outcome {
            Outcome::Signed | Outcome::Final => {
                self.answer = Some(reply);
                return;
            }
            Outcome::BelowMark => {
                self.below_mark = true;
                Rank::BelowMark
            }
            Outcome::Refused | Outcome::Unusable => {
                candidate.is_exhausted = true;
                self.next_send = now;
                if outcome == Outcome::Refused { Rank::Refused } else { Rank::Unusable }
            }
            Outcome::Failed { by_signer } => {
                let pause = self.pause_after_failure();
                let at = now.saturating_add(pause);
                // A hedge that is due earlier is not put off.
                let is_alone = self.candidates.iter().all(|candidate| candidate.in_flight == 0);
                self.next_send = if is_alone { at } else { at.min(self.next_send) };
                if by_signer { Rank::Failed } else { Rank::NoReply }
            }
        };
        if self.best.as_ref().is_none_or(|(best, _)| rank > *best || (rank == *best && rank != Rank::NoReply)) {
            self.best = Some((rank, reply));
        }
    }

    /// The reply to answer with at the deadline, if there is any.
    pub fn at_deadline(self) -> Option<R> {
        self.answer.or(self.best.map(|(_, reply)| reply))
    }

    /// The upstream with the fewest requests in flight, then the fewest sent, then the preferred one.
    fn next_candidate(&self) -> Option<usize> {
        if self.below_mark {
            return None;
        }
        let usable = self.candidates.iter().enumerate().filter(|(_, candidate)| !candidate.is_exhausted);
        usable.min_by_key(|(_, candidate)| (candidate.in_flight, candidate.sent)).map(|(index, _)| index)
    }

    /// The first failure is repeated at once, so that a lost connection costs no time.
    fn pause_after_failure(&mut self) -> Duration {
        const FIRST: Duration = Duration::from_millis(20);
        let pause = match self.failures.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(MAX_PAUSE),
        };
        self.failures = self.failures.saturating_add(1);
        pause
    }
}

#[cfg(test)]
mod tests;
