use std::fmt;

/// Why something did not work, in two forms: what the client may read, and what the operator needs.
///
/// An answer goes to whoever can reach the signer, so it names no address, host or item. The log does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reason {
    answer: String,
    log: Option<String>,
}

impl Reason {
    /// `answer` for the client, `log` for the operator.
    pub fn with_log(answer: impl Into<String>, log: impl Into<String>) -> Self {
        Self { answer: answer.into(), log: Some(log.into()) }
    }

    /// The text for the log.
    pub fn log(&self) -> &str {
        self.log.as_deref().unwrap_or(&self.answer)
    }

    /// The same reason, introduced by more words.
    #[must_use]
    pub fn after(&self, words: &str) -> Self {
        Self { answer: format!("{words}{}", self.answer), log: self.log.as_ref().map(|log| format!("{words}{log}")) }
    }
}

impl fmt::Display for Reason {
    /// The text for the client.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.answer)
    }
}

impl<T: Into<String>> From<T> for Reason {
    /// For a text that both may read.
    fn from(text: T) -> Self {
        Self { answer: text.into(), log: None }
    }
}
