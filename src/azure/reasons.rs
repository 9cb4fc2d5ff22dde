use std::error::Error;

/// An error with its causes, in one line. Never its `Debug` text, which holds whole responses.
pub(crate) fn reason_of(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !reason.contains(&text) {
            reason.push_str(": ");
            reason.push_str(&text);
        }
        source = cause.source();
    }
    reason
}
