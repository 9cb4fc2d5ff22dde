//! What a run says: a table of differences, counts by group, and one last line.

use crate::run::{CaseReport, Outcome, Strictness};
use std::fmt::Write as _;

/// The groups, in their order.
pub const GROUPS: [&str; 6] = ["keys", "decode", "sequences", "policy", "signatures", "http"];

/// Counts of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    /// All cases.
    pub cases: usize,
    /// As expected.
    pub passed: usize,
    /// Not as expected.
    pub differ: usize,
    /// The verdict is as expected, the status or the form is not.
    pub status: usize,
    /// Not asked.
    pub not_run: usize,
}

impl Counts {
    /// Of some reports.
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a CaseReport>, strictness: Strictness) -> Self {
        let mut counts = Self::default();
        for report in reports {
            counts.cases += 1;
            match (&report.outcome, strictness) {
                (Outcome::Passed, _) => counts.passed += 1,
                (Outcome::Differs { .. }, _) | (Outcome::Status { .. }, Strictness::Strict) => counts.differ += 1,
                (Outcome::Status { .. }, Strictness::Lenient) => {
                    counts.passed += 1;
                    counts.status += 1;
                }
                (Outcome::NotRun { .. }, _) => counts.not_run += 1,
            }
        }
        counts
    }
}

/// One case that differs, in lines; nothing for one that passed.
pub fn row(report: &CaseReport) -> Option<String> {
    let (word, lines) = match &report.outcome {
        Outcome::Passed => return None,
        Outcome::Differs { expected, came } => {
            ("DIFFERS", vec![("expected", expected), ("came", came), ("why", &report.why)])
        }
        Outcome::Status { expected, came } => ("status", vec![("expected", expected), ("came", came)]),
        Outcome::NotRun { reason } => ("not run", vec![("reason", reason)]),
    };
    let mut row = format!("{word:<8} {}\n", report.id);
    for (name, text) in lines {
        let _ = writeln!(row, "         {name:<9} {text}");
    }
    Some(row)
}

/// Counts by group, and the last line.
pub fn summary(reports: &[CaseReport], strictness: Strictness) -> String {
    let mut text =
        format!("{:<12}{:>7}{:>8}{:>8}{:>8}{:>9}\n", "group", "cases", "passed", "differ", "status", "not run");
    for group in GROUPS {
        let counts = Counts::of(reports.iter().filter(|report| report.group == group), strictness);
        if counts.cases > 0 {
            let Counts { cases, passed, differ, status, not_run } = counts;
            let _ = writeln!(text, "{group:<12}{cases:>7}{passed:>8}{differ:>8}{status:>8}{not_run:>9}");
        }
    }
    let Counts { cases, passed, differ, status, not_run } = Counts::of(reports, strictness);
    if status > 0 {
        let _ = writeln!(
            text,
            "{status} of those that passed have another status or form of error than recommended (--strict counts them)"
        );
    }
    let _ = writeln!(text, "conformance: {passed} of {cases} cases passed, {differ} differ, {not_run} not run");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports() -> Vec<CaseReport> {
        let report =
            |group, outcome| CaseReport { group, id: format!("{group}/x"), why: "It matters.".to_owned(), outcome };
        let (expected, came) = ("409".to_owned(), "500".to_owned());
        vec![
            report("keys", Outcome::Passed),
            report("http", Outcome::Status { expected: expected.clone(), came: came.clone() }),
            report("http", Outcome::Differs { expected, came }),
            report("policy", Outcome::NotRun { reason: "needs --second-url".to_owned() }),
        ]
    }

    #[test]
    fn the_last_line_counts() {
        for (strictness, last) in [
            (Strictness::Lenient, "conformance: 2 of 4 cases passed, 1 differ, 1 not run"),
            (Strictness::Strict, "conformance: 1 of 4 cases passed, 2 differ, 1 not run"),
        ] {
            assert_eq!(summary(&reports(), strictness).lines().last(), Some(last));
        }
    }

    #[test]
    fn rows_say_what_and_why() {
        let rows: Vec<_> = reports().iter().filter_map(row).collect();
        assert_eq!(rows.len(), 3);
        assert!(
            rows[1].contains("expected  409") && rows[1].contains("came      500") && rows[1].contains("It matters.")
        );
    }
}
