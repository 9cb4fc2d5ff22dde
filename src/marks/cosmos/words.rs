//! Removes addresses from the service's messages before a client reads them.

use std::net::IpAddr;

/// Masks addresses and host names, which only the log may contain.
pub(super) fn for_answers(message: &str) -> String {
    let words: Vec<_> = message.split_whitespace().map(|word| if is_address(word) { "…" } else { word }).collect();
    words.join(" ")
}

fn is_address(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let host = bare.split(':').next().unwrap_or(bare);
    let labels: Vec<_> = host.split('.').collect();
    bare.contains("://")
        || bare.parse::<IpAddr>().is_ok()
        || host.starts_with("localhost")
        || (labels.len() >= 3 && labels.into_iter().all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_no_addresses() {
        for (reason, expected) in [
            ("no answer within 5 s", "no answer within 5 s"),
            ("Request originated from IP 1.2.3.4 through", "Request originated from IP … through"),
            ("from [2001:db8::1].", "from …"),
            ("fetch from https://bakery.documents.azure.com:443/ failed", "fetch from … failed"),
            ("cannot connect to bakery.documents.azure.com:443", "cannot connect to …"),
            ("connect to localhost:7444 refused", "connect to … refused"),
            (
                "[503/20012] to perform action [Microsoft.DocumentDB/databaseAccounts/readMetadata]",
                "[503/20012] to perform action [Microsoft.DocumentDB/databaseAccounts/readMetadata]",
            ),
        ] {
            assert_eq!(for_answers(reason), expected);
        }
    }
}
