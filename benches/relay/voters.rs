//! Bakers that vote once a second, whatever becomes of earlier votes.

use crate::octez::{OverLoopback, Signer};
use crate::payloads;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{FunctionApp, Operation};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use wan::Site;

/// Between two votes of a baker.
pub(crate) const INTERVAL: Duration = Duration::from_secs(1);

/// A vote that was answered.
#[derive(Debug, Clone)]
pub(crate) struct Vote {
    pub(crate) requested: Instant,
    pub(crate) answered: Instant,
    /// Why there is no signature.
    pub(crate) error: Option<String>,
    /// Whether the second region got a request in the meantime.
    pub(crate) took_second_region: bool,
}

impl Vote {
    pub(crate) fn is_signed(&self) -> bool {
        self.error.is_none()
    }

    pub(crate) fn took(&self) -> Duration {
        self.answered - self.requested
    }
}

/// Voting bakers, with one key each, at equal intervals from each other.
pub(crate) struct Voters {
    votes: Arc<Mutex<Vec<Vote>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Voters {
    /// Starts them at a site. Requests to the second region are those that arrive at its app.
    pub(crate) fn start(site: &Site, relay: OverLoopback, keys: &[String], second: &Arc<FunctionApp>) -> Self {
        let (votes, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let schedule = Schedule {
            relay,
            keys: keys.to_owned(),
            second: Arc::clone(second),
            votes: Arc::clone(&votes),
            stop: Arc::clone(&stop),
        };
        // Threads belong to the site of the one that starts them.
        let thread = site.run(|| thread::spawn(move || schedule.run())).unwrap();
        Self { votes, stop, thread }
    }

    /// All votes that were answered so far, in the order of their requests.
    pub(crate) fn votes(&self) -> Vec<Vote> {
        let mut votes = self.votes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        votes.sort_by_key(|vote| vote.requested);
        votes
    }

    /// Waits until `found` finds something in the votes, at most so long.
    pub(crate) fn wait_for<T>(&self, limit: Duration, found: impl Fn(&[Vote]) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        loop {
            let result = found(&self.votes());
            if result.is_some() || start.elapsed() > limit {
                return result;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops them, and returns all votes once each is answered.
    pub(crate) fn stop(self) -> Vec<Vote> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        let votes = Arc::into_inner(self.votes).unwrap();
        let mut votes = votes.into_inner().unwrap_or_else(PoisonError::into_inner);
        votes.sort_by_key(|vote| vote.requested);
        votes
    }
}

/// What the thread of the voters does.
struct Schedule {
    relay: OverLoopback,
    keys: Vec<String>,
    second: Arc<FunctionApp>,
    votes: Arc<Mutex<Vec<Vote>>>,
    stop: Arc<AtomicBool>,
}

impl Schedule {
    fn run(&self) {
        let pause = INTERVAL / u32::try_from(self.keys.len()).unwrap();
        let mut due = Instant::now();
        thread::scope(|scope| {
            for (level, key) in (1..).flat_map(|level| self.keys.iter().map(move |key| (level, key))) {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                due += pause;
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                scope.spawn(move || {
                    let vote = self.vote(key, level);
                    self.votes.lock().unwrap_or_else(PoisonError::into_inner).push(vote);
                });
            }
        });
    }

    fn vote(&self, key: &str, level: u32) -> Vote {
        let payload = payloads::payload(Kind::Attestation, level, 0, 0);
        let executions = || self.second.requests(Operation::Execution);
        let (before, requested) = (executions(), Instant::now());
        let error = match self.relay.sign(key, &payload) {
            Ok(answer) if answer.status == 200 => None,
            Ok(answer) => Some(answer.error()),
            Err(error) => Some(error.to_string()),
        };
        Vote { requested, answered: Instant::now(), error, took_second_region: executions() > before }
    }
}
