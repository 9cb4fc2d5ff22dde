//! Bakers that continue to vote regardless of the answers, like real ones.

use crate::azure::instance::Instance;
use crate::support::http;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A vote and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Vote {
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
    pub(crate) status: u16,
    pub(crate) error: Option<String>,
}

/// Each key votes at the next level at every interval, without waiting for earlier answers.
pub(crate) struct Voters {
    votes: Arc<Mutex<Vec<Vote>>>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Voters {
    pub(crate) fn start(signer: &Instance, keys: &[&str], interval: Duration) -> Self {
        let votes = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let threads = keys.iter().map(|key| {
            let (key, address) = ((*key).to_owned(), signer.address);
            let (votes, is_over, level) = (Arc::clone(&votes), Arc::clone(&is_over), AtomicU32::new(100));
            thread::spawn(move || {
                let mut next = Instant::now();
                let mut open = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let (key, votes) = (key.clone(), Arc::clone(&votes));
                    let level = level.fetch_add(1, Ordering::Relaxed);
                    open.push(thread::spawn(move || {
                        let sent = Instant::now();
                        let answer = http::sign(address, &key, &payload(Kind::Attestation, level, 0, 0)).unwrap();
                        let answered = Instant::now();
                        let error = (answer.status != 200).then(|| answer.error());
                        votes.lock().unwrap().push(Vote { sent, answered, status: answer.status, error });
                    }));
                    next += interval;
                    thread::sleep(next.saturating_duration_since(Instant::now()));
                }
                for vote in open {
                    vote.join().unwrap();
                }
            })
        });
        let threads = threads.collect();
        Self { votes, is_over, threads }
    }

    /// The time from `moment` to the next signature, with a timeout.
    pub(crate) fn first_signature_after(&self, moment: Instant, limit: Duration) -> Option<Duration> {
        let end = Instant::now() + limit;
        loop {
            let signed = {
                let votes = self.votes.lock().unwrap();
                votes.iter().filter(|vote| vote.status == 200 && vote.answered > moment).map(|vote| vote.answered).min()
            };
            if signed.is_some() || Instant::now() > end {
                return signed.map(|signed| signed - moment);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The error of the last vote that was not signed.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.votes.lock().unwrap().iter().rev().find_map(|vote| vote.error.clone())
    }

    /// Ends the bakers, and returns all votes, in the order of their answers.
    pub(crate) fn stop(self) -> Vec<Vote> {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let votes = self.votes.lock().unwrap();
        votes.clone()
    }
}
