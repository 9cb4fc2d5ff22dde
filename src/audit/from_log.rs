//! Lines of a history from the service's log: events of requests have the number of the version that they wrote and the beginning of
//! the digest of the one before, but not everything that the version's own digest covers.

use crate::marks::MarkVersion;
use serde_json::Value;

/// The line of a history for each line of a log about a request that wrote a mark, in the order of the log. Others are skipped, such as
/// repeats, and signatures by earlier releases.
///
/// A line is the JSON that the service logs, or an object of a query of the workspace, which has that JSON as text in one of its
/// fields.
pub fn lines_of_log(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter_map(|line| {
        let value: Value = serde_json::from_str(line.trim().trim_end_matches(',')).ok()?;
        let version = version(&value)?;
        serde_json::to_string(&version).ok()
    })
}

/// The version in an event, wherever its fields are. A request may fail although it wrote the mark.
fn version(value: &Value) -> Option<MarkVersion> {
    let fields = value.get("fields").unwrap_or(value);
    if !matches!(fields.get("event").and_then(Value::as_str), Some("signed" | "failed")) {
        let texts = value.as_object()?.values().filter_map(Value::as_str);
        return texts.filter_map(|text| serde_json::from_str(text).ok()).find_map(|inner: Value| version(&inner));
    }
    let text = |name| fields.get(name).and_then(Value::as_str);
    let number = |name| fields.get(name).and_then(Value::as_u64);
    Some(MarkVersion {
        id: format!("{}:{}:{}", text("chain")?, text("key")?, text("kind")?),
        level: number("level")?.try_into().ok()?,
        round: number("round")?.try_into().ok()?,
        sequence: Some(number("sequence")?),
        previous: text("previous").map(str::to_owned),
        requester: text("requester").map(str::to_owned),
        ..MarkVersion::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn signed_events_are_found_as_logged_and_as_the_workspace_returns_them() {
        let line = json!({
            "timestamp": "2026-01-02T03:04:05.000000Z", "level": "INFO",
            "fields": {
                "message": "signed", "event": "signed", "key": "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "kind": "attestation",
                "chain": "NetXdQprcVkpaWU", "level": 7, "round": 1, "sequence": 5, "previous": "ab", "verdict": "signed", "ms": 8.5,
            },
        });
        let expected = r#"{"id":"NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:attestation","level":7,"round":1,"sequence":5,"previous":"ab"}"#;
        let of_workspace = json!({"TimeGenerated": "2026-01-02T03:04:06Z", "Message": line.to_string()});
        let repeat = json!({"fields": {"event": "signed", "key": "tz3", "kind": "block", "chain": "Net", "level": 7, "round": 1}});
        let refused = json!({"fields": {"event": "refused", "sequence": 5}});
        let log = format!("[\n{line},\n{of_workspace}\n{repeat}\n{refused}\nnot JSON\n]");
        assert_eq!(lines_of_log(&log).collect::<Vec<_>>(), [expected, expected]);
    }
}
