//! Failure reasons with separate text for clients and for the log.

use std::fmt;

/// Why something failed, in two forms: for the client, and for the log.
///
/// Anyone who can reach the signer can read its responses, so the client's text contains no addresses, hosts or item names.
/// The log's text may.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FailureReason {
    answer: String,
    log: Option<String>,
}

impl FailureReason {
    /// `answer` is for the client, `log` for the log.
    pub fn with_log(answer: impl Into<String>, log: impl Into<String>) -> Self {
        Self { answer: answer.into(), log: Some(log.into()) }
    }

    /// The text for the log.
    pub fn log(&self) -> &str {
        self.log.as_deref().unwrap_or(&self.answer)
    }

    /// The same reason, with a prefix.
    #[must_use]
    pub fn after(&self, words: &str) -> Self {
        Self { answer: format!("{words}{}", self.answer), log: self.log.as_ref().map(|log| format!("{words}{log}")) }
    }
}

impl fmt::Display for FailureReason {
    /// The text for the client.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.answer)
    }
}

impl<T: Into<String>> From<T> for FailureReason {
    /// The same text for both.
    fn from(text: T) -> Self {
        Self { answer: text.into(), log: None }
    }
}
