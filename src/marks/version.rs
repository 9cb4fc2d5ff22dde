//! The canonical form of a version of a mark, and its digest: a link of the chain of versions. Pure.

use super::{Mark, MarkId};
use crate::tezos::Digest;
use serde::{Deserialize, Serialize};

/// The canonical form of a version of a mark: these fields in this order, as compact JSON, without those that are absent. The
/// window is not among them: the chain of versions determines it. A later release may store more fields, but never changes these.
///
/// For a stopped mark, position, digest and signature are the true ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkVersion {
    /// The mark.
    pub id: String,
    /// The level.
    pub level: u32,
    /// The round.
    pub round: u32,
    /// The digest of the payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The signature of a block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The write. Every version has one; only what a log shows of a version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<String>,
    /// The instance that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The authorized key that signed the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// When it was written, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written_at: Option<i64>,
    /// The number of the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// The digest of the version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The identifiers of the stops.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<String>,
}

impl MarkVersion {
    /// The canonical form of this version.
    pub fn of(id: &MarkId, mark: &Mark) -> Self {
        let (position, written) = (mark.true_position(), mark.written.as_ref());
        let milliseconds = |at: time::OffsetDateTime| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok();
        Self {
            id: id.to_string(),
            level: position.level.get(),
            round: position.round.get(),
            digest: mark.true_digest().map(|digest| digest.to_string()),
            signature: mark.true_signature().map(|signature| signature.to_string()),
            attempt: Some(mark.attempt.to_string()),
            instance: written.map(|written| written.instance.clone()),
            requester: written.and_then(|written| written.requester).map(|key| key.to_string()),
            written_at: written.and_then(|written| milliseconds(written.at)),
            sequence: mark.trail.as_ref().map(|trail| trail.sequence),
            previous: mark.trail.as_ref().and_then(|trail| trail.previous).map(|digest| digest.to_string()),
            stops: mark.stops().iter().map(|stop| stop.id.to_string()).collect(),
        }
    }

    /// BLAKE2b-256 of the canonical form, which the next version names.
    pub fn own_digest(&self) -> Digest {
        // Numbers and texts always have a JSON form.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}
