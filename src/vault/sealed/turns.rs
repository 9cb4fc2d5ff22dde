//! Whose turn it is among the recipients of a sealed key.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Chooses the recipient of each call. One that has not answered is not called again while another one can be, so that none keeps the
/// others from their turn.
pub(super) struct Turns(Mutex<State>);

struct State {
    recipients: Vec<Recipient>,
    last: usize,
}

#[derive(Clone, Default)]
struct Recipient {
    in_flight: usize,
    /// Until then, it has requested a pause.
    paused_until: Option<Instant>,
}

/// A call to one recipient. It ends when this is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    /// The number of the recipient, from 0.
    pub(super) recipient: usize,
}

impl Turns {
    /// Between this many recipients; the first call is to the first.
    pub(super) fn new(recipients: usize) -> Self {
        Self(Mutex::new(State {
            recipients: vec![Recipient::default(); recipients],
            last: recipients.saturating_sub(1),
        }))
    }

    /// The next turn; `None` if there are no recipients.
    pub(super) fn next(&self) -> Option<Turn<'_>> {
        let mut state = self.state();
        let recipient = state.next()?;
        state.recipients.get_mut(recipient)?.in_flight += 1;
        state.last = recipient;
        Some(Turn { turns: self, recipient })
    }

    /// How long the recipient that is called next has requested to wait.
    pub(super) fn pause(&self) -> Option<Duration> {
        let state = self.state();
        let until = state.recipients.get(state.next()?)?.paused_until?;
        Some(until.saturating_duration_since(Instant::now())).filter(|pause| !pause.is_zero())
    }

    /// Whether a recipient has not answered yet.
    pub(super) fn is_any_in_flight(&self) -> bool {
        self.state().recipients.iter().any(|recipient| recipient.in_flight > 0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&self) -> Option<usize> {
        let (now, number) = (Instant::now(), self.recipients.len());
        let in_order = (1..=number).map(|offset| (self.last + offset) % number);
        in_order.min_by_key(|index| {
            let recipient = self.recipients.get(*index);
            recipient.map(|recipient| (recipient.in_flight, recipient.paused_until.filter(|until| *until > now)))
        })
    }
}

impl Turn<'_> {
    /// The call has failed: another one to the same recipient should wait.
    pub(super) fn failed(&self, pause: Option<Duration>) {
        if let Some(recipient) = self.turns.state().recipients.get_mut(self.recipient) {
            recipient.paused_until = pause.map(|pause| Instant::now() + pause);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(recipient) = self.turns.state().recipients.get_mut(self.recipient) {
            recipient.in_flight = recipient.in_flight.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn next(turns: &Turns) -> Turn<'_> {
        turns.next().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_called_in_turn_and_those_that_hang_are_passed_over() {
        assert!(Turns::new(0).next().is_none());
        let turns = Turns::new(4);
        let mut hanging: Vec<_> = (0..3).map(|_| next(&turns)).collect();
        assert_eq!(hanging.iter().map(|turn| turn.recipient).collect::<Vec<_>>(), [0, 1, 2]);
        for _ in 0..3 {
            assert_eq!(next(&turns).recipient, 3, "the only one without a call");
        }
        hanging.remove(1);
        let again = next(&turns);
        assert_eq!(again.recipient, 1, "its call has ended");
        let last = next(&turns);
        assert_eq!((last.recipient, next(&turns).recipient), (3, 0), "all have one call: in turn");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_requested_a_pause_is_called_last_and_after_it() {
        let turns = Turns::new(2);
        next(&turns).failed(Some(2 * SECOND));
        assert_eq!(turns.pause(), None, "the other one has requested none");
        next(&turns).failed(Some(SECOND));
        assert_eq!(turns.pause(), Some(SECOND));
        assert_eq!(next(&turns).recipient, 1, "the shorter pause");
        tokio::time::advance(2 * SECOND).await;
        assert_eq!((turns.pause(), next(&turns).recipient), (None, 0));
        next(&turns).failed(None);
        assert_eq!(turns.pause(), None);
    }
}
