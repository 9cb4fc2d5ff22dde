//! The refusals and failures in the service's log, for a command that was not there when they happened. Pure.

use super::Answers;
use crate::answer::Cause;
use crate::marks::MarkId;
use crate::tezos::payload::Position;
use serde_json::Value;

/// The answers without a signature that a log has, in its order. Other lines are skipped.
pub fn answers_of_log(text: &str) -> Answers {
    let answers = Answers::default();
    for (id, position, cause) in text.lines().filter_map(unsigned) {
        answers.note(id, position, Some(cause));
    }
    answers
}

fn unsigned(line: &str) -> Option<(MarkId, Position, Cause)> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    let text = |name| fields.get(name).and_then(Value::as_str);
    let number = |name| fields.get(name)?.as_u64().and_then(|number| u32::try_from(number).ok()?.try_into().ok());
    if !matches!(text("event"), Some("refused" | "failed")) {
        return None;
    }
    let id = format!("{}:{}:{}", text("chain")?, text("key")?, text("kind")?).parse().ok()?;
    Some((id, Position { level: number("level")?, round: number("round")? }, text("cause")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refusals_and_failures_are_found_by_key_level_and_round() {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
        let line = |event: &str, level: u32, cause: &str| {
            let fields = json!({
                "event": event, "key": key, "chain": "NetXdQprcVkpaWU", "kind": "attestation", "level": level, "round": 0, "cause": cause,
            });
            json!({ "level": "WARN", "fields": fields }).to_string()
        };
        let log = [
            line("refused", 7, "below_mark"),
            line("signed", 8, ""),
            "not JSON".to_owned(),
            line("failed", 9, "vault"),
            line("failed", 10, "of a later release"),
        ];
        let answers = answers_of_log(&log.join("\n"));
        let id: MarkId = format!("NetXdQprcVkpaWU:{key}:attestation").parse().unwrap();
        let causes = [7_u32, 8, 9, 10].map(|level| {
            let position = Position { level: level.try_into().unwrap(), round: 0_u32.try_into().unwrap() };
            answers.at(&id, position).map(|unsigned| unsigned.cause)
        });
        assert_eq!(causes, [Some(Cause::BelowMark), None, Some(Cause::Vault), None]);
    }
}
