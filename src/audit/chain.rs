//! The chain of the versions of one mark: which version follows which, and where one is missing or does not fit. Pure.

use super::line::VersionLine;
use super::verify::Finding;
use std::collections::{HashMap, HashSet};

/// What the versions of one mark show.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// How many versions follow the one before without a gap.
    pub(super) linked: usize,
    /// The gaps, and what does not fit.
    pub(super) findings: Vec<Finding>,
}

/// Links versions by their digests. The lines are in the order of positions, each once, and have a digest of their own.
pub(super) fn by_digests(lines: &[VersionLine]) -> Chain {
    let mut chain = Chain::default();
    let by_digest: HashMap<String, &VersionLine> =
        lines.iter().filter_map(|line| Some((line.own_digest?.to_string(), line))).collect();
    let before = |line: &VersionLine| by_digest.get(line.version.previous.as_deref()?).copied();
    let mut followed = HashSet::new();
    for line in lines {
        let Some(last) = before(line) else { continue };
        let (number, is_first) = (number(line), followed.insert(last.own_digest));
        if !is_first {
            chain.findings.push(Finding::Twice { number });
        } else if number != next_number(last)
            || (line.version.level, line.version.round) < (last.version.level, last.version.round)
        {
            chain.findings.push(Finding::DoesNotFit { number });
        } else {
            chain.linked += 1;
        }
    }
    // Nothing names these: the last version, and those whose successor is missing or does not fit.
    let ends: Vec<_> = lines.iter().filter(|line| !followed.contains(&line.own_digest)).collect();
    for line in lines.iter().skip(1).filter(|line| before(line).is_none()) {
        let at = number(line);
        let others = ends.iter().filter(|end| end.own_digest != line.own_digest);
        let last = others.map(|end| number(end)).filter(|end| *end < at).max().unwrap_or_default();
        chain.findings.push(if last > 0 && last.checked_add(1) == Some(at) {
            Finding::DoesNotFit { number: at }
        } else if at <= 1 {
            match line.version.previous {
                None => Finding::StartsOver,
                Some(_) => Finding::EarlierRelease,
            }
        } else {
            Finding::Missing { from: last, to: at }
        });
    }
    chain
}

/// Follows the numbers alone: a log has no digests. The lines are in the order of positions, each once.
pub(super) fn by_numbers(lines: &[VersionLine]) -> Chain {
    let mut chain = Chain::default();
    for (last, line) in lines.iter().zip(lines.iter().skip(1)) {
        let (from, to) = (number(last), number(line));
        match to {
            to if to == next_number(last) => chain.linked += 1,
            to if to == from && to > 0 => chain.findings.push(Finding::Twice { number: to }),
            to if to > from => chain.findings.push(Finding::Missing { from, to }),
            _ => chain.findings.push(Finding::EarlierRelease),
        }
    }
    chain
}

/// The number of a version; 0 for one of an earlier release.
fn number(line: &VersionLine) -> u64 {
    line.version.sequence.unwrap_or_default()
}

fn next_number(line: &VersionLine) -> u64 {
    number(line).saturating_add(1)
}
