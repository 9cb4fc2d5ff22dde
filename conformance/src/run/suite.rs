//! Runs the suite, case by case.

use super::context::Run;
use super::options::Options;
use super::outcome::{CaseReport, Outcome};
use super::{single, steps, web};
use crate::case::{Consequence, Feature};
use crate::profile::Lack;
use crate::tables::Suite;

/// Runs all cases of the suite against a signer, and calls `on_report` after each.
///
/// # Errors
/// If there is no randomness, or a key of the suite is malformed.
pub fn run(
    suite: &Suite,
    options: &Options,
    mut on_report: impl FnMut(&CaseReport),
) -> Result<Vec<CaseReport>, String> {
    let run = Run::new(suite, options)?;
    let mut reports = Vec::new();
    let mut report = |group: &'static str, about: About<'_>, run_case: &dyn Fn() -> Option<Outcome>| {
        let About { id, why, consequence, features } = about;
        if !options.only.is_empty() && !options.only.iter().any(|pattern| pattern.matches(id)) {
            return;
        }
        let outcome = match options.profile.and_then(|profile| profile.lack_of(features)) {
            Some(Lack { feature, reason }) => Some(Outcome::LeftOut { feature, reason: reason.to_owned() }),
            None => run_case(),
        };
        if let Some(outcome) = outcome {
            let report = CaseReport { group, id: id.to_owned(), why: why.to_owned(), consequence, outcome };
            on_report(&report);
            reports.push(report);
        }
    };
    for case in &suite.keys.cases {
        let about = About::new(case.id(), case.why(), case.consequence(), &[]);
        report("keys", about, &|| single::key(&run, case));
    }
    for case in &suite.decode.cases {
        let about = About::new(&case.id, &case.why, case.consequence, &case.features);
        report("decode", about, &|| Some(single::decode(&run, case)));
    }
    for (group, cases) in [("sequences", &suite.sequences.cases), ("policy", &suite.policy.cases)] {
        for case in cases {
            let about = About::new(&case.id, &case.why, case.consequence, &case.features);
            report(group, about, &|| Some(steps::case(&run, case)));
        }
    }
    for case in &suite.signatures.cases {
        let about = About::new(&case.id, &case.why, case.consequence, &[]);
        report("signatures", about, &|| single::signature(&run, case));
    }
    for case in &suite.http.cases {
        let about = About::new(&case.id, &case.why, case.consequence, &case.features);
        report("http", about, &|| Some(web::case(&run, case)));
    }
    Ok(reports)
}

/// The fields that cases of all files have.
struct About<'a> {
    id: &'a str,
    why: &'a str,
    consequence: Consequence,
    features: &'a [Feature],
}

impl<'a> About<'a> {
    const fn new(id: &'a str, why: &'a str, consequence: Consequence, features: &'a [Feature]) -> Self {
        Self { id, why, consequence, features }
    }
}
