//! This program's export: all fields of a mark that another store of this program needs.

use super::record::Record;
use super::{InterchangeError, RaiseTarget, as_object};
use crate::marks::{Mark, MarkId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const FORMAT: &str = "azurehsm-signer marks";
pub(super) const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    format: String,
    version: u32,
    marks: Vec<ExportedMark>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportedMark {
    chain: String,
    key: String,
    kind: String,
    level: u32,
    round: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// Formats marks as this program's export. Of a stopped mark, it has what the mark would be without its stops: a stop stays in
/// its store.
///
/// # Errors
/// If JSON encoding fails, which is not expected.
pub fn export(marks: &[(MarkId, Mark)]) -> Result<String, serde_json::Error> {
    let export = Export {
        format: FORMAT.to_owned(),
        version: VERSION,
        marks: marks
            .iter()
            .map(|(id, mark)| ExportedMark {
                chain: id.chain.to_string(),
                key: id.key.to_string(),
                kind: id.kind.to_string(),
                level: mark.true_position().level.get(),
                round: mark.true_position().round.get(),
                digest: mark.true_digest().map(|digest| digest.to_string()),
                signature: mark.true_signature().map(|signature| signature.to_string()),
            })
            .collect(),
    };
    serde_json::to_string_pretty(&export)
}

pub(super) fn parse(value: Value) -> Result<Vec<RaiseTarget>, InterchangeError> {
    if value.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(InterchangeError::UnknownFormat);
    }
    if let Some(found) = value.get("version").and_then(Value::as_u64).and_then(|version| u32::try_from(version).ok())
        && found != VERSION
    {
        return Err(InterchangeError::UnknownVersion { found });
    }
    for (index, mark) in value.get("marks").and_then(Value::as_array).into_iter().flatten().enumerate() {
        as_object(mark, &format!("marks[{index}]"))?;
    }
    let export: Export =
        serde_json::from_value(value).map_err(|error| InterchangeError::invalid("marks", error.to_string()))?;
    let marks = export.marks.into_iter().enumerate();
    marks.map(|(index, mark)| target(mark, &format!("marks[{index}]"))).collect()
}

fn target(mark: ExportedMark, at: &str) -> Result<RaiseTarget, InterchangeError> {
    let invalid = |field: &str, reason: String| InterchangeError::invalid(at, format!("{field}: {reason}"));
    let id = MarkId {
        chain: mark.chain.parse().map_err(|error| invalid("chain", format!("{error}")))?,
        key: mark.key.parse().map_err(|error| invalid("key", format!("{error}")))?,
        kind: mark.kind.parse().map_err(|error| invalid("kind", format!("{error}")))?,
    };
    let record = Record {
        level: i64::from(mark.level),
        round: Some(i64::from(mark.round)),
        hash: mark.digest,
        signature: mark.signature,
    };
    record.into_target(id, at)
}
