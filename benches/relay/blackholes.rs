//! What happens to votes while a part of the first region is unreachable, and when it returns.

use crate::octez::Octez;
use crate::payloads;
use crate::regions::{BETWEEN, NAMES, REPLICATED, TO_FIRST, TO_SECOND, TwoRegions};
use crate::sites::{DATABASE, VAULT};
use crate::table::{milliseconds, percentile};
use crate::voters::{INTERVAL, Vote, Voters};
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::Operation;
use std::thread;
use std::time::{Duration, Instant};

/// Bakers that vote, with a key each.
const BAKERS: usize = 4;

/// How long bakers vote before the first region becomes unreachable.
const BEFORE: Duration = Duration::from_secs(4);
/// How long it stays unreachable.
const OUTAGE: Duration = Duration::from_secs(20);
/// How long after that an operator takes the region offline, where nothing else helps.
const OPERATOR_AFTER: Duration = Duration::from_secs(10);
/// The longest wait for the return to normal.
const MAX_RETURN: Duration = Duration::from_mins(1);

/// The relay's default.
const HEDGE: Duration = Duration::from_millis(300);
/// What a vote may take on top of network, vault and database.
const ALLOWANCE: Duration = Duration::from_millis(50);

/// A part of the first region that is lost, and the account that it belongs to.
struct Scenario {
    name: &'static str,
    /// The regions of the account, in order of failover priority: see [`NAMES`].
    account: &'static [usize],
    lost: Lost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// The database is well, and the other region answers each vote.
    AppAndVault,
    /// The same, but the first region writes each mark before the other one does.
    Vault,
    /// A read region of three: the database goes on without it.
    Everything,
    /// The database writes nothing until an operator takes the region offline.
    EverythingUntilOffline,
}

const SCENARIOS: [Scenario; 5] = [
    Scenario { name: "app and vault", account: &[0, 1], lost: Lost::AppAndVault },
    Scenario { name: "vault", account: &[0, 1], lost: Lost::Vault },
    Scenario { name: "region, one of two", account: &[0, 1], lost: Lost::EverythingUntilOffline },
    Scenario { name: "region, read region of three", account: &[1, 0, 2], lost: Lost::Everything },
    Scenario { name: "region, write region of three", account: &[0, 1, 2], lost: Lost::EverythingUntilOffline },
];

/// What was observed.
struct Outcome {
    votes: Vec<Vote>,
    cut: Instant,
    offline: Option<Instant>,
    returned: Instant,
    /// From when on the first region answered each vote alone.
    normal: Option<Instant>,
}

pub(crate) fn measure() {
    println!(
        "\nblackholes: {BAKERS} keys vote once in {INTERVAL:?} each through a relay with two upstreams; round trips from the baker \
         {TO_FIRST:?} and {TO_SECOND:?}, between regions {BETWEEN:?}; the first region is unreachable for {OUTAGE:?}, and taken \
         offline after {OPERATOR_AFTER:?} where that is necessary"
    );
    // Nothing else runs while the figures are measured that have a target.
    let (alone, others) = SCENARIOS.split_at(2);
    let mut outcomes: Vec<_> = alone.iter().map(Scenario::run).collect();
    thread::scope(|scope| {
        let running: Vec<_> = others.iter().map(|scenario| scope.spawn(|| scenario.run())).collect();
        outcomes.extend(running.into_iter().map(|outcome| outcome.join().unwrap()));
    });
    println!(
        "{:<30} {:>8} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>12} {:>10}",
        "", "before", "before", "first", "votes", "votes", "slowest", "requested", "target", "after taking", "back to"
    );
    println!(
        "{:<30} {:>8} {:>8} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>12} {:>10}",
        "unreachable",
        "p50 ms",
        "max ms",
        "signature",
        "lost",
        "p50 ms",
        "vote ms",
        "after",
        "ms",
        "it offline",
        "normal"
    );
    for (scenario, outcome) in SCENARIOS.iter().zip(&outcomes) {
        scenario.print(outcome);
    }
    for (scenario, outcome) in SCENARIOS.iter().zip(&outcomes) {
        let errors = outcome.votes.iter().filter_map(|vote| vote.error.as_ref());
        if let Some(error) = errors.clone().next() {
            println!("{}: {} errors, the first: {error}", scenario.name, errors.count());
        }
    }
}

/// App and vault of the first region become unreachable while a baker votes. Asserts that each vote is signed, but no times.
pub(crate) fn no_vote_is_lost() {
    const VOTES: u32 = 20;
    // Votes may take long on a busy machine.
    let there = TwoRegions::start(SCENARIOS[0].account, 1, &[("RELAY_DEADLINE_MS", "20000".to_owned())]);
    let mut baker =
        Octez::new(there.relay.signer(), &there.keys, |level| payloads::payload(Kind::Attestation, level, 0, 0));
    let [first, second] = &there.apps;
    thread::scope(|scope| {
        let voting = scope.spawn(|| there.baker.run(|| baker.vote(VOTES)).unwrap());
        let start = first.requests(Operation::Execution);
        while first.requests(Operation::Execution) < start + 4 {
            assert!(!voting.is_finished(), "the first region gets no requests");
            thread::sleep(Duration::from_millis(1));
        }
        there.blackhole_app_and_vault();
        assert_eq!(voting.join().unwrap().len(), VOTES as usize);
    });
    assert!(second.requests(Operation::Execution) > u64::from(VOTES) / 2, "the second region signs from then on");
}

impl Scenario {
    fn run(&self) -> Outcome {
        let there = TwoRegions::start(self.account, BAKERS, &[]);
        let voters = Voters::start(&there.baker, there.relay.signer(), &there.keys, &there.apps[1]);
        let normal = voters.wait_for(MAX_RETURN, |votes| normal_since(votes, None)).unwrap();
        thread::sleep((normal + BEFORE).saturating_duration_since(Instant::now()));

        let cut = Instant::now();
        match self.lost {
            Lost::AppAndVault => there.blackhole_app_and_vault(),
            Lost::Vault => there.blackhole_vault(),
            Lost::Everything | Lost::EverythingUntilOffline => there.blackhole_region(),
        }
        let offline = (self.lost == Lost::EverythingUntilOffline).then(|| {
            thread::sleep(OPERATOR_AFTER);
            there.first.cosmos.take_offline(NAMES[0]);
            if self.account.len() == 2 {
                there.set_write_time(DATABASE);
            }
            Instant::now()
        });
        thread::sleep((cut + OUTAGE).saturating_duration_since(Instant::now()));

        there.restore();
        let returned = Instant::now();
        let normal = voters.wait_for(MAX_RETURN, |votes| normal_since(votes, Some(returned)));
        Outcome { votes: voters.stop(), cut, offline, returned, normal }
    }

    fn print(&self, outcome: &Outcome) {
        let Outcome { votes, cut, offline, returned, normal } = outcome;
        let before: Vec<_> = votes.iter().filter(|vote| vote.answered < *cut).collect();
        // Warm-up is not part of it.
        let before: Vec<_> = before.iter().rev().take(3 * BAKERS).map(|vote| vote.took()).collect();
        // Those in flight at the cut count as well.
        let concerned: Vec<_> =
            votes.iter().filter(|vote| vote.answered > *cut && vote.requested < *returned).collect();
        let signed = || concerned.iter().filter(|vote| vote.is_signed());
        let took: Vec<_> = signed().map(|vote| vote.took()).collect();
        let slowest = signed().max_by_key(|vote| vote.took());
        let first_after = |instant: Instant| {
            let after = signed().filter(|vote| vote.requested > *cut && vote.answered > instant);
            after.map(|vote| vote.answered).min().map(|first| first - instant)
        };
        let seconds = |duration: Option<Duration>| {
            duration.map_or("-".to_owned(), |duration| format!("{:.2} s", duration.as_secs_f64()))
        };
        let target = HEDGE + TO_SECOND + VAULT.max(BETWEEN + REPLICATED) + ALLOWANCE;
        let has_target = matches!(self.lost, Lost::AppAndVault | Lost::Vault);
        println!(
            "{:<30} {:>8.0} {:>8.0} {:>10} {:>10} {:>10.0} {:>10.0} {:>10} {:>10} {:>12} {:>10}",
            self.name,
            milliseconds(percentile(&before, 50)),
            milliseconds(before.iter().copied().max().unwrap_or_default()),
            seconds(first_after(*cut)),
            format!("{} of {}", concerned.len() - signed().count(), concerned.len()),
            milliseconds(percentile(&took, 50)),
            slowest.map_or(0.0, |vote| milliseconds(vote.took())),
            seconds(slowest.map(|vote| vote.requested.saturating_duration_since(*cut))),
            if has_target { format!("{:.0}", milliseconds(target)) } else { "-".to_owned() },
            seconds(offline.and_then(first_after)),
            seconds(normal.map(|normal| normal.saturating_duration_since(*returned))),
        );
    }
}

/// When the first of several votes in a row was answered by the first region alone, after this instant.
fn normal_since(votes: &[Vote], after: Option<Instant>) -> Option<Instant> {
    let votes: Vec<_> = votes.iter().filter(|vote| after.is_none_or(|after| vote.requested > after)).collect();
    let is_normal = |vote: &&Vote| vote.is_signed() && !vote.took_second_region;
    let normal = votes.windows(BAKERS).find(|votes| votes.iter().all(is_normal))?;
    normal.first().map(|vote| vote.answered)
}
