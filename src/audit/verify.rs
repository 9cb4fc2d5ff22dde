//! Checks a history: the chain of digests of each mark, and the signatures of blocks. Pure.
//!
//! A version names the digest of the one that it replaces. A line that was changed therefore does not fit the next one, while a line
//! that is missing leaves a gap in the numbers.

use super::chain::{by_digests, by_numbers};
use super::line::{Line, VersionLine};
use crate::marks::MarkId;
use crate::tezos::{PublicKey, PublicKeyHash};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// What was checked, and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many marks have versions in the history.
    pub marks: usize,
    /// How many versions there are, each counted once.
    pub versions: usize,
    /// How many versions follow the one before without a gap.
    pub linked: usize,
    /// How many versions of a log are not in the history.
    pub only_in_log: usize,
    /// How many signatures of blocks are valid.
    pub valid_signatures: usize,
    /// How many cannot be checked: of tz4 keys, whose signatures are not over the digest, or without the public key.
    pub unchecked_signatures: usize,
    /// The gaps, and what does not fit.
    pub findings: Vec<(MarkId, Finding)>,
}

/// Whether a finding shows that the history was changed, or only that it is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Incomplete.
    Gap,
    /// Changed.
    Tampering,
}

/// A gap, or what does not fit. The numbers are those of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Versions are missing: lines were lost, or another program than the service wrote them, such as `marks raise`.
    Missing {
        /// The last version before the gap; 0 if there is none.
        from: u64,
        /// The first version after it.
        to: u64,
    },
    /// The numbers start over: an earlier release, which does not number versions, wrote the mark in between.
    EarlierRelease,
    /// The mark starts over: in another store, or after the store was lost.
    StartsOver,
    /// A version and the one before do not fit: its digest, number or position.
    DoesNotFit {
        /// The number.
        number: u64,
    },
    /// Two different versions replace the same one, or have the same number.
    Twice {
        /// The number.
        number: u64,
    },
    /// The log has this version at another position than the history.
    LogDiffers {
        /// The number.
        number: u64,
    },
    /// The signature of a block is not that of the key over the digest.
    WrongSignature {
        /// The number.
        number: u64,
    },
}

impl Finding {
    /// Whether the history was changed, or is incomplete.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Missing { .. } | Self::EarlierRelease | Self::StartsOver => Severity::Gap,
            Self::DoesNotFit { .. } | Self::Twice { .. } | Self::LogDiffers { .. } | Self::WrongSignature { .. } => {
                Severity::Tampering
            }
        }
    }
}

/// Checks the lines of a history, in any order. Lines may be there several times, and from several instances; those of a log, which
/// are incomplete, are compared with the others, or followed by their numbers if there are no others of their mark.
pub fn verify(lines: Vec<Line>) -> Report {
    let mut keys: HashMap<PublicKeyHash, PublicKey> = HashMap::new();
    let mut marks: BTreeMap<String, Vec<VersionLine>> = BTreeMap::new();
    for line in lines {
        match line {
            Line::PublicKey(key) => drop(keys.insert(key.hash(), *key)),
            Line::Version(version) => marks.entry(version.version.id.clone()).or_default().push(*version),
        }
    }
    let mut report = Report { marks: marks.len(), ..Report::default() };
    for versions in marks.into_values() {
        let (complete, of_log): (Vec<_>, Vec<_>) =
            in_order(versions).into_iter().partition(|version| version.own_digest.is_some());
        if complete.is_empty() {
            report.add(&of_log, by_numbers(&of_log));
        } else {
            report.add(&complete, by_digests(&complete));
            report.compare_with_log(&complete, &of_log);
        }
        report.check_signatures(&complete, &keys);
    }
    report
}

/// By position, and by number at the same position; each version once.
fn in_order(mut versions: Vec<VersionLine>) -> Vec<VersionLine> {
    let key = |line: &VersionLine| {
        let VersionLine { version, own_digest, .. } = line;
        (
            version.level,
            version.round,
            version.sequence,
            version.previous.clone(),
            own_digest.map(|digest| *digest.as_bytes()),
        )
    };
    versions.sort_by_cached_key(key);
    versions.dedup();
    versions
}

impl Report {
    /// How serious the worst finding is; `None` without any.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|(_, finding)| finding.severity()).max()
    }

    fn add(&mut self, versions: &[VersionLine], chain: super::chain::Chain) {
        self.versions += versions.len();
        self.linked += chain.linked;
        if let Some(first) = versions.first() {
            self.findings.extend(chain.findings.into_iter().map(|finding| (first.id, finding)));
        }
    }

    fn check_signatures(&mut self, versions: &[VersionLine], keys: &HashMap<PublicKeyHash, PublicKey>) {
        for line in versions {
            let (Some(payload), Some(signature)) = (&line.payload, &line.signature) else { continue };
            match keys.get(&line.id.key).and_then(|key| key.verify_digest(payload, signature)) {
                Some(Ok(())) => self.valid_signatures += 1,
                Some(Err(_)) => {
                    let number = line.version.sequence.unwrap_or_default();
                    self.findings.push((line.id, Finding::WrongSignature { number }));
                }
                None => self.unchecked_signatures += 1,
            }
        }
    }

    /// A version has one number and replaces one other version, so the log and the history must agree on its position.
    fn compare_with_log(&mut self, complete: &[VersionLine], of_log: &[VersionLine]) {
        let mut by_number: HashMap<u64, Vec<&VersionLine>> = HashMap::new();
        for line in complete {
            by_number.entry(line.version.sequence.unwrap_or_default()).or_default().push(line);
        }
        let position = |line: &VersionLine| (line.version.level, line.version.round);
        for line in of_log {
            let number = line.version.sequence.unwrap_or_default();
            let candidates = by_number.get(&number).into_iter().flatten();
            let mut same = candidates.filter(|known| is_shortened(line, known)).peekable();
            if same.peek().is_none() {
                self.only_in_log += 1;
            } else if !same.any(|known| position(known) == position(line)) {
                self.findings.push((line.id, Finding::LogDiffers { number }));
            }
        }
    }
}

/// Whether a line of a log, which has only the beginning of a digest, names the same version before.
fn is_shortened(of_log: &VersionLine, whole: &VersionLine) -> bool {
    match (&of_log.version.previous, &whole.version.previous) {
        (Some(beginning), Some(whole)) => whole.starts_with(beginning.as_str()),
        (None, None) => true,
        _ => false,
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { from, to } if from.checked_add(2) == Some(*to) => {
                write!(formatter, "version {} is missing", from.saturating_add(1))
            }
            Self::Missing { from, to } => {
                write!(formatter, "versions {} to {} are missing", from.saturating_add(1), to.saturating_sub(1))
            }
            Self::EarlierRelease => formatter.write_str("the numbers start over: an earlier release wrote the mark"),
            Self::StartsOver => {
                formatter.write_str("the mark starts over: it is from another store, or the store was lost")
            }
            Self::DoesNotFit { number } => write!(formatter, "version {number} does not fit the one before"),
            Self::Twice { number } => write!(formatter, "there are two different versions {number}"),
            Self::LogDiffers { number } => write!(formatter, "version {number} is at another position in the log"),
            Self::WrongSignature { number } => {
                write!(formatter, "the signature of the block in version {number} is wrong")
            }
        }
    }
}

#[cfg(test)]
mod tests;
