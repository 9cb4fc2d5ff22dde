//! The report of all checks, as text and as JSON.

use super::{Finding, Outcome};
use serde_json::json;

/// The results of all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The findings, in the order of the report.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether no check failed.
    pub fn is_ok(&self) -> bool {
        self.count(Outcome::Failed) == 0
    }

    /// The number of findings with this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.findings.iter().filter(|finding| finding.outcome == outcome).count()
    }

    /// The report as text: one line per finding, followed by its advice, and a summary at the end.
    pub fn to_text(&self) -> String {
        let width = self.findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        let mut text = String::new();
        for Finding { check, subject, outcome, text: found, advice } in &self.findings {
            let subject = subject.as_ref().map(|subject| format!("{subject}  ")).unwrap_or_default();
            text.extend([format!("{outcome:<8} {check:<width$}  {subject}{found}\n")]);
            text.extend(advice.iter().map(|advice| format!("         → {advice}\n")));
        }
        text + &self.summary()
    }

    /// The report as JSON: `{"ok": bool, "findings": [{"check": …, "subject": …, "outcome": …, "text": …, "advice": …}]}`.
    ///
    /// `ok` is false if a check failed. `check` identifies the check and is stable between releases; `outcome` is `ok`,
    /// `warning`, `failed` or `skipped`; `subject` and `advice` are a string or null. `text` and `advice` are for people, and
    /// may change.
    pub fn to_json(&self) -> String {
        json!({ "ok": self.is_ok(), "findings": self.findings }).to_string()
    }

    /// The number of findings by outcome.
    pub fn summary(&self) -> String {
        let skipped = match self.count(Outcome::Skipped) {
            0 => String::new(),
            skipped => format!(", {skipped} skipped"),
        };
        let warnings = match self.count(Outcome::Warning) {
            1 => "1 warning".to_owned(),
            warnings => format!("{warnings} warnings"),
        };
        format!(
            "{} checks: {} ok, {warnings}, {} failed{skipped}",
            self.findings.len(),
            self.count(Outcome::Ok),
            self.count(Outcome::Failed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_one_line_per_finding_followed_by_its_advice() {
        let report = Report {
            findings: vec![
                Finding::ok("settings", "well"),
                Finding::warning("vault.protection", "in software", "make another").about("baker/1"),
                Finding::failed("clock", "two minutes ahead", "set it"),
                Finding::skipped("nodes.head", "no nodes"),
            ],
        };
        let expected = "\
ok       settings          well
warning  vault.protection  baker/1  in software
         → make another
failed   clock             two minutes ahead
         → set it
skipped  nodes.head        no nodes
4 checks: 1 ok, 1 warning, 1 failed, 1 skipped";
        assert_eq!(report.to_text(), expected);
        assert!(!report.is_ok());
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        assert_eq!(json["ok"], false);
        let expected = serde_json::json!({
            "check": "vault.protection", "subject": "baker/1", "outcome": "warning", "text": "in software",
            "advice": "make another"
        });
        assert_eq!(json["findings"][1], expected);
    }
}
