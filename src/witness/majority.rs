//! Which nodes have reported what cannot be verified, and whether they are a majority. Pure.

use crate::tezos::Digest;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Whether this many nodes, of all that follow the chain, are enough to believe them: more than half, and at least two.
pub const fn is_majority(agreeing: usize, following: usize) -> bool {
    agreeing >= 2 && 2 * agreeing > following
}

/// What to make of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// A majority of the nodes that follow the chain report the same.
    Confirmed,
    /// Other nodes may still report it.
    Pending,
    /// The others had the time to report it, and have not.
    Alone,
}

/// What nodes have reported lately.
#[derive(Debug, Default)]
pub struct Reports {
    by_evidence: HashMap<Digest, Report>,
    /// In the order of their first report.
    order: VecDeque<Digest>,
}

#[derive(Debug)]
struct Report {
    nodes: BTreeSet<usize>,
    first: Instant,
}

/// How many reports are remembered: far more than the votes of one block.
const MAX_REPORTS: usize = 4096;

impl Reports {
    /// How long other nodes have to report the same: two blocks, since a node may lag behind.
    pub const PATIENCE: Duration = Duration::from_secs(12);

    /// A node, by its number, reports something.
    pub fn add(&mut self, evidence: Digest, node: usize, now: Instant) {
        if !self.by_evidence.contains_key(&evidence) {
            self.order.push_back(evidence);
            if self.order.len() > MAX_REPORTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.by_evidence.remove(&oldest);
            }
        }
        let report = self.by_evidence.entry(evidence).or_insert_with(|| Report { nodes: BTreeSet::new(), first: now });
        report.nodes.insert(node);
    }

    /// What to make of it, if these nodes follow the chain.
    pub fn standing(&self, evidence: &Digest, following: &BTreeSet<usize>, now: Instant) -> Standing {
        let Some(report) = self.by_evidence.get(evidence) else { return Standing::Pending };
        let agreeing = report.nodes.intersection(following).count();
        if is_majority(agreeing, following.len()) {
            Standing::Confirmed
        } else if following.is_subset(&report.nodes) || now.saturating_duration_since(report.first) >= Self::PATIENCE {
            Standing::Alone
        } else {
            Standing::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_is_more_than_half_and_at_least_two() {
        let majorities: Vec<_> =
            (0..=5).map(|following| (0..=following).find(|agreeing| is_majority(*agreeing, following))).collect();
        assert_eq!(majorities, [None, None, Some(2), Some(2), Some(3), Some(3)]);
    }

    #[test]
    fn a_report_is_believed_once_a_majority_has_made_it() {
        let (now, evidence) = (Instant::now(), Digest::of(b"vote"));
        let late = now + Reports::PATIENCE;
        let nodes = |nodes: &[usize]| nodes.iter().copied().collect::<BTreeSet<_>>();
        for (name, reporters, following, at, expected) in [
            ("nobody", &[][..], &[0, 1, 2][..], late, Standing::Pending),
            ("one of one", &[0], &[0], now, Standing::Alone),
            ("one of two, at first", &[0], &[0, 1], now, Standing::Pending),
            ("one of two, later", &[0], &[0, 1], late, Standing::Alone),
            ("two of two", &[0, 1], &[0, 1], now, Standing::Confirmed),
            ("one of three, later", &[2], &[0, 1, 2], late, Standing::Alone),
            ("two of three", &[0, 2], &[0, 1, 2], now, Standing::Confirmed),
            ("two of four, later", &[0, 2], &[0, 1, 2, 3], late, Standing::Alone),
            ("the second one follows another chain", &[0, 1], &[0, 2], late, Standing::Alone),
            ("a majority may be late", &[0, 1], &[0, 1, 2], late, Standing::Confirmed),
        ] {
            let mut reports = Reports::default();
            for node in reporters {
                reports.add(evidence, *node, now);
                reports.add(evidence, *node, now);
            }
            assert_eq!(reports.standing(&evidence, &nodes(following), at), expected, "{name}");
        }
    }

    #[test]
    fn only_so_many_reports_are_remembered() {
        let mut reports = Reports::default();
        for number in 0..=MAX_REPORTS {
            reports.add(Digest::of(&number.to_be_bytes()), 0, Instant::now());
        }
        assert_eq!((reports.by_evidence.len(), reports.order.len()), (MAX_REPORTS, MAX_REPORTS));
        assert!(!reports.by_evidence.contains_key(&Digest::of(&0_usize.to_be_bytes())));
    }
}
