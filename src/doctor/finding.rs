//! The result of one check.

use crate::text::in_one_line;
use serde::Serialize;
use std::fmt;

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check, by an identifier that is stable between releases, such as `vault.key`.
    pub check: &'static str,
    /// What was checked (a key, a node, a setting), if there can be several.
    pub subject: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// The details, with values.
    pub text: String,
    /// What to do.
    pub advice: Option<String>,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should be.
    Ok,
    /// It works, but may not be configured as it should be.
    Warning,
    /// It does not work, or is unsafe.
    Failed,
    /// Not checked.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        })
    }
}

impl Finding {
    pub(super) fn ok(check: &'static str, text: impl AsRef<str>) -> Self {
        Self { check, subject: None, outcome: Outcome::Ok, text: in_one_line(text.as_ref()), advice: None }
    }

    pub(super) fn skipped(check: &'static str, reason: impl AsRef<str>) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::ok(check, reason) }
    }

    pub(super) fn warning(check: &'static str, text: impl AsRef<str>, advice: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, ..Self::ok(check, text) }.advise(advice)
    }

    pub(super) fn failed(check: &'static str, text: impl AsRef<str>, advice: impl Into<String>) -> Self {
        Self { outcome: Outcome::Failed, ..Self::ok(check, text) }.advise(advice)
    }

    pub(super) fn about(self, subject: impl fmt::Display) -> Self {
        Self { subject: Some(in_one_line(&subject.to_string())), ..self }
    }

    pub(super) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_services_is_one_line_without_control_characters() {
        let finding = Finding::ok("vault.list", "denied.\r\n\tCaller: \u{1b}[2Jappid").about("a\nb");
        assert_eq!(finding.text, "denied. Caller: [2Jappid");
        assert_eq!(finding.subject.as_deref(), Some("a b"));
    }
}
