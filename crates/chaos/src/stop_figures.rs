//! What happened at stops, in figures.

use crate::history::{Does, End, History, StopCommand};
use crate::judge::Request;
use crate::judge::stops::{holding, left_after};
use std::time::Duration;

/// Figures of stops.
#[derive(Debug, Clone, Default)]
pub(crate) struct StopFigures {
    /// How long each stop took that was completed.
    pub(crate) took: Vec<Duration>,
    /// Stops that were complete before a command began that lifted them.
    pub(crate) held: u64,
    /// Commands that were killed.
    pub(crate) killed: u64,
    /// Commands that failed, to be repeated.
    pub(crate) failed: u64,
    /// Commands that lifted stops.
    pub(crate) resumes: u64,
    /// Stops that another command had begun to lift before they were complete.
    pub(crate) races: u64,
    /// Signatures that left after a stop.
    pub(crate) left: u64,
    /// Those of them that were requested after the stop.
    pub(crate) requested_after: u64,
    /// Requests that were refused after a stop.
    pub(crate) refused: u64,
}

impl StopFigures {
    /// The figures of a history.
    pub(crate) fn of(history: &History) -> Self {
        let mut figures = Self::default();
        for command in &history.commands {
            figures.count(command);
        }
        let requests: Vec<_> = history.exchanges.iter().map(Request::new).collect();
        for holding in holding(history) {
            figures.held += 1;
            for request in requests.iter().filter(|request| request.exchange.key == holding.stop.key) {
                let is_after = holding.includes(request.exchange.at);
                if left_after(&holding, request) {
                    figures.left += 1;
                    figures.requested_after += u64::from(is_after);
                }
                figures.refused += u64::from(is_after && request.exchange.is_refused());
            }
        }
        figures.races = figures.took.len() as u64 - figures.held;
        figures.took.sort_unstable();
        figures
    }

    fn count(&mut self, StopCommand { does, stops, from, to, end, .. }: &StopCommand) {
        match (end, does) {
            (End::Done, Does::Stop) => self.took.push(*to - *from),
            (End::Done, Does::Resume) => self.resumes += u64::from(!stops.is_empty()),
            (End::Done, Does::Raise) => {}
            (End::Killed, _) => self.killed += 1,
            (End::Failed(_), _) => self.failed += 1,
        }
    }

    /// What left after the stops, and what was refused.
    pub(crate) fn after(&self) -> String {
        let Self { left, requested_after, refused, .. } = self;
        format!("{left} signatures left, {requested_after} of them requested after; {refused} refusals")
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.took.extend(more.took);
        self.took.sort_unstable();
        for (sum, more) in [
            (&mut self.held, more.held),
            (&mut self.killed, more.killed),
            (&mut self.failed, more.failed),
            (&mut self.resumes, more.resumes),
            (&mut self.races, more.races),
            (&mut self.left, more.left),
            (&mut self.requested_after, more.requested_after),
            (&mut self.refused, more.refused),
        ] {
            *sum += more;
        }
    }
}
