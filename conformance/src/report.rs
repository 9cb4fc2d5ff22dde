//! The report of a run: a row for each difference, counts by consequence and by group, skipped features, and a summary line.

use crate::case::{Consequence, Feature};
use crate::profile::Profile;
use crate::run::{CaseReport, Outcome, Strictness};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The groups, in order.
pub const GROUPS: [&str; 6] = ["keys", "decode", "sequences", "policy", "signatures", "http"];

/// Version of the JSON format. It increases when a field is removed or changes its meaning.
const VERSION: u32 = 1;

/// The report of a run. Its JSON format is defined in `schema/report.schema.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    version: u32,
    signer: String,
    profile: Option<&'static str>,
    strict: bool,
    /// Over all cases.
    pub counts: Counts,
    /// By consequence: a case that differs counts under what its difference costs, any other under the most that it could cost.
    pub consequences: BTreeMap<Consequence, Counts>,
    left_out: Vec<LeftOut>,
    cases: Vec<Row>,
}

/// Cases that a profile leaves out because of one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct LeftOut {
    feature: Feature,
    reason: String,
    cases: usize,
    /// How many of them are about slashing or theft.
    slashing: usize,
}

/// A case, and what its difference costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row {
    #[serde(flatten)]
    case: CaseReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    costs: Option<Consequence>,
}

/// Number of cases by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Total.
    pub cases: usize,
    /// As expected.
    pub passed: usize,
    /// Not as expected.
    pub differ: usize,
    /// The verdict is as expected; the status or the error format is not.
    pub status: usize,
    /// Left out by the profile.
    pub left_out: usize,
    /// Not run.
    pub not_run: usize,
}

impl Counts {
    /// Counts these reports.
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
                (Outcome::LeftOut { .. }, _) => counts.left_out += 1,
                (Outcome::NotRun { .. }, _) => counts.not_run += 1,
            }
        }
        counts
    }

    fn row(&self, name: &str) -> String {
        let Self { cases, passed, differ, status, left_out, not_run } = self;
        format!("{name:<27}{cases:>7}{passed:>8}{differ:>8}{status:>8}{left_out:>10}{not_run:>9}\n")
    }
}

/// The rows for a case; `None` if it passed or was left out.
pub fn row(report: &CaseReport) -> Option<String> {
    let costs = report.costs().unwrap_or(report.consequence).phrase().to_owned();
    let (word, lines) = match &report.outcome {
        Outcome::Passed | Outcome::LeftOut { .. } => return None,
        Outcome::Differs { expected, came, .. } => {
            ("DIFFERS", vec![("expected", expected), ("actual", came), ("cost", &costs), ("why", &report.why)])
        }
        Outcome::Status { expected, came } => ("status", vec![("expected", expected), ("actual", came)]),
        Outcome::NotRun { reason } => ("not run", vec![("reason", reason)]),
    };
    let mut row = format!("{word:<8} {}\n", report.id);
    for (name, text) in lines {
        let _ = writeln!(row, "         {name:<9} {text}");
    }
    Some(row)
}

impl Report {
    /// The report of these cases.
    pub fn new(signer: &str, profile: Option<Profile>, strictness: Strictness, cases: Vec<CaseReport>) -> Self {
        let of = |consequence| {
            let counted_here = |case: &&CaseReport| {
                // A difference in status alone fails only with --strict.
                let is_passed = matches!(case.outcome, Outcome::Status { .. }) && strictness == Strictness::Lenient;
                case.costs().filter(|_| !is_passed).unwrap_or(case.consequence) == consequence
            };
            Counts::of(cases.iter().filter(counted_here), strictness)
        };
        let consequences = Consequence::ALL.into_iter().map(|consequence| (consequence, of(consequence))).collect();
        let mut left_out = Vec::<LeftOut>::new();
        for case in &cases {
            let Outcome::LeftOut { feature, reason } = &case.outcome else { continue };
            let is_slashing = usize::from(case.consequence == Consequence::Slashing);
            match left_out.iter_mut().find(|known| known.feature == *feature) {
                Some(known) => (known.cases, known.slashing) = (known.cases + 1, known.slashing + is_slashing),
                None => left_out.push(LeftOut {
                    feature: *feature,
                    reason: reason.clone(),
                    cases: 1,
                    slashing: is_slashing,
                }),
            }
        }
        Self {
            version: VERSION,
            signer: signer.to_owned(),
            profile: profile.map(|profile| profile.name),
            strict: strictness == Strictness::Strict,
            counts: Counts::of(&cases, strictness),
            consequences,
            left_out,
            cases: cases.into_iter().map(|case| Row { costs: case.costs(), case }).collect(),
        }
    }

    /// Counts by group and by consequence, skipped features, and the summary line.
    pub fn summary(&self) -> String {
        let strictness = if self.strict { Strictness::Strict } else { Strictness::Lenient };
        let head = |what: &str| {
            let columns = ["cases", "passed", "differ", "status"];
            let [cases, passed, differ, status] = columns;
            format!("{what:<27}{cases:>7}{passed:>8}{differ:>8}{status:>8}{:>10}{:>9}\n", "left out", "not run")
        };
        let mut text = head("group");
        for group in GROUPS {
            let of_group = self.cases.iter().map(|row| &row.case).filter(|case| case.group == group);
            let counts = Counts::of(of_group, strictness);
            if counts.cases > 0 {
                text.push_str(&counts.row(group));
            }
        }
        text.push('\n');
        text.push_str(&head("consequence"));
        for consequence in Consequence::ALL {
            if let Some(counts) = self.consequences.get(&consequence).filter(|counts| counts.cases > 0) {
                text.push_str(&counts.row(consequence.phrase()));
            }
        }
        text.push('\n');
        for LeftOut { feature, reason, cases, slashing } in &self.left_out {
            let noun = if *cases == 1 { "case" } else { "cases" };
            let _ = writeln!(
                text,
                "left out: {feature}, {cases} {noun}, {slashing} of them about slashing or theft: {reason}"
            );
        }
        let Counts { cases, passed, differ, status, left_out, not_run } = self.counts;
        if status > 0 {
            let _ = writeln!(
                text,
                "{status} of those that passed have another status or error format than recommended (--strict makes them fail)"
            );
        }
        let by_profile = match self.profile {
            Some(profile) if left_out > 0 => format!(", {left_out} left out by the profile {profile}"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "conformance: {passed} of {cases} cases passed, {differ} differ, {not_run} not run{by_profile}"
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Difference;

    fn reports() -> Vec<CaseReport> {
        let report = |group, consequence, outcome| CaseReport {
            group,
            id: format!("{group}/x"),
            why: "It matters.".to_owned(),
            consequence,
            outcome,
        };
        let (expected, came) = (|| "409".to_owned(), || "500".to_owned());
        let differs = |difference| Outcome::Differs { expected: expected(), came: came(), difference };
        let left_out = Outcome::LeftOut { feature: Feature::AmountLimits, reason: "there are none".to_owned() };
        vec![
            report("keys", Consequence::LostSlot, Outcome::Passed),
            report("http", Consequence::Slashing, Outcome::Status { expected: expected(), came: came() }),
            report("sequences", Consequence::Slashing, differs(Difference::Released)),
            report("sequences", Consequence::Slashing, differs(Difference::Withheld)),
            report("http", Consequence::Cosmetic, differs(Difference::Withheld)),
            report("http", Consequence::Cosmetic, differs(Difference::Released)),
            report("policy", Consequence::Slashing, left_out),
            report("policy", Consequence::LostSlot, Outcome::NotRun { reason: "needs --second-url".to_owned() }),
        ]
    }

    fn report(strictness: Strictness) -> Report {
        Report::new("http://signer", "signatory".parse().ok(), strictness, reports())
    }

    #[test]
    fn the_summary_line_has_the_counts() {
        for (strictness, last) in [
            (
                Strictness::Lenient,
                "conformance: 2 of 8 cases passed, 4 differ, 1 not run, 1 left out by the profile signatory",
            ),
            (
                Strictness::Strict,
                "conformance: 1 of 8 cases passed, 5 differ, 1 not run, 1 left out by the profile signatory",
            ),
        ] {
            assert_eq!(report(strictness).summary().lines().last(), Some(last));
        }
    }

    #[test]
    fn a_difference_counts_by_its_cost_and_a_refusal_costs_a_slot_at_most() {
        let report = report(Strictness::Lenient);
        let of = |consequence| {
            let Counts { cases, differ, left_out, .. } = report.consequences[&consequence];
            (cases, differ, left_out)
        };
        assert_eq!(of(Consequence::Slashing), (3, 1, 1));
        assert_eq!(of(Consequence::LostSlot), (3, 1, 0));
        assert_eq!(of(Consequence::Cosmetic), (2, 2, 0));
        let sum: usize = report.consequences.values().map(|counts| counts.cases).sum();
        assert_eq!(sum, report.counts.cases);
    }

    #[test]
    fn skipped_features_are_listed_with_the_reason() {
        let text = report(Strictness::Lenient).summary();
        let line = "left out: amount_limits, 1 case, 1 of them about slashing or theft: there are none";
        assert!(text.lines().any(|found| found == line), "{text}");
    }

    #[test]
    fn rows_show_expected_actual_cost_and_reason() {
        let rows: Vec<_> = reports().iter().filter_map(row).collect();
        assert_eq!(rows.len(), 6);
        for text in ["expected  409", "actual    500", "cost      slashing or theft", "It matters."] {
            assert!(rows[1].contains(text), "{}", rows[1]);
        }
        assert!(rows[2].contains("cost      a lost slot"), "{}", rows[2]);
    }
}
