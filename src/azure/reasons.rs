use std::error::Error;

/// An error with its causes, in one line. Never its `Debug` text, which holds whole responses, and never an address, which
/// holds a query.
pub(crate) fn reason_of(error: &(dyn Error + 'static)) -> String {
    let mut reason = text_of(error);
    let mut source = error.source();
    while let Some(cause) = source {
        let text = text_of(cause);
        if !reason.contains(&text) {
            reason.push_str(": ");
            reason.push_str(&text);
        }
        source = cause.source();
    }
    reason
}

fn text_of(cause: &(dyn Error + 'static)) -> String {
    let text = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match cause.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::url) {
        Some(url) => text.replace(&format!(" for url ({url})"), ""),
        None => text,
    }
}
