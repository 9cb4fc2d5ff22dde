//! The interface of a mark store, and its errors.

use super::binding::Recreated;
use super::{KeyStops, Mark, MarkId, StoreId, StoreIdentity, StoredStops};
use crate::failure_reason::FailureReason;
use crate::net::CallCounts;
use crate::tezos::PublicKeyHash;
use crate::tezos::payload::Position;
use async_trait::async_trait;
use std::fmt;
use thiserror::Error;
use tokio::time::Instant;

/// Keeps marks durably, one for each [`MarkId`], and the stops of each key.
///
/// Items are only read, and written conditionally, so that the role of the running service needs no more: no delete, no
/// unconditional write, no query.
#[async_trait]
pub trait MarkStore: Send + Sync {
    /// Reads a mark. Sees every write that was acknowledged before the call, by any process. Keeps trying until `deadline`.
    ///
    /// In a Cosmos DB account that is used only because of `ALLOW_WEAK_CONSISTENCY`, it may return an older mark; a write
    /// based on that fails.
    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError>;

    /// Writes `mark` if the stored one still has the version `expected`, or if `expected` is `None` and there is still no
    /// mark; compare and write are one step. Durable once `Ok` is returned. The caller has applied the rule to exactly that
    /// stored mark, which is what keeps marks rising. Keeps trying until `deadline`, as long as nothing can have been written.
    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError>;

    /// Reads the stop item of a key, like [`read`](Self::read).
    async fn read_stops(&self, key: &PublicKeyHash, deadline: Instant) -> Result<Option<StoredStops>, StoreError>;

    /// Writes the stop item of a key, like [`write`](Self::write).
    async fn write_stops(
        &self,
        key: &PublicKeyHash,
        stops: &KeyStops,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError>;

    /// Whether a mark that [`read`](Self::read) does not find may have been lost: true in an embedded store that replaces a
    /// lost one, for keys that an operator has not declared new.
    async fn may_have_lost(&self, _id: &MarkId) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Counts of calls that were repeated, throttled or denied; `None` if there is no service to call.
    fn calls(&self) -> Option<&CallCounts> {
        None
    }

    /// Identifies this store, for comparison with the tags of keys. Makes no call: the `_rid` of a container is missing until
    /// it has been read. The default is an embedded store, to which no key can be bound.
    fn id(&self) -> StoreId {
        StoreId::Embedded
    }

    /// What distinguishes this store from any other; `None` until that has been read. Makes no call.
    fn identity(&self) -> Option<StoreIdentity> {
        None
    }

    /// Whether the container was deleted and recreated since the process first saw it, so that [`Self::id`] names a different
    /// one. Stays true until the process ends.
    fn is_recreated(&self) -> bool {
        false
    }

    /// If the store has to connect first, waits until [`Self::id`] is complete, at most until the deadline.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be used, or is not connected by then.
    async fn connected(&self, _deadline: Instant) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether the store can be used: connected, where that applies, and safe for marks.
    fn is_ready(&self) -> bool {
        true
    }
}

/// A mark in the store, with its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The mark as it was read or written.
    pub mark: Mark,
    /// Changes with every write.
    pub version: Version,
}

/// Identifies one write of one item (an `ETag` in Cosmos DB). Versions can only be compared for equality.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// The store could not be read or written. Nothing is known to be wrong with the request: *failed*, not *refused*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The request's deadline passed first.
    Deadline {
        /// The last error before it.
        last: Option<FailureReason>,
    },
    /// There has been no connection to the store yet.
    NotConnected,
    /// The store must not keep marks: an acknowledged one could be lost or overwritten there.
    Unsuitable(String),
    /// The container in use is not the one that the process started with.
    Recreated(Recreated),
    /// The stored item is not a mark.
    NotAMark {
        /// The mark that was expected.
        id: String,
        /// Why it is not a mark.
        reason: String,
    },
    /// The store does not accept this write.
    Rejected {
        /// The mark.
        id: String,
        /// The reason.
        reason: Rejection,
    },
    /// The mark that a repeat needs was deleted in the meantime.
    ConfirmedMarkGone,
    /// An item was changed while it was to be replaced.
    ChangedMeanwhile,
    /// The operating system has no random number for a write.
    NoRandomNumber(getrandom::Error),
    /// The thread of the embedded store has ended.
    Stopped,
    /// The service or the disk failed.
    Failed(FailureReason),
}

/// Why an embedded store does not accept a write.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// The store was opened read-only.
    #[error("the store was opened read-only")]
    ReadOnly,
    /// A store was lost here, and this mark may have been in it.
    #[error("it may have been lost with an earlier store at this path")]
    MayBeLost,
    /// The stored mark is as high or higher.
    #[error("the mark would not rise")]
    WouldNotRise,
    /// Only an operator lifts stops.
    #[error("only an operator lifts a stop")]
    WouldLiftStop,
    /// The mark cannot be encoded.
    #[error("cannot encode the mark: {0}")]
    Encoding(String),
}

impl StoreError {
    /// The service or the disk failed, with a text that the client may read too.
    pub fn new(reason: impl Into<FailureReason>) -> Self {
        Self::Failed(reason.into())
    }

    /// The request's deadline passed first. `last` is the last error before it.
    pub fn deadline(last: Option<&Self>) -> Self {
        Self::Deadline { last: last.map(Self::reason) }
    }

    /// What went wrong, for the client and for the log.
    pub fn reason(&self) -> FailureReason {
        const LATE: &str = "no answer within the request's deadline (REQUEST_DEADLINE_MS)";
        match self {
            Self::Deadline { last: None } => LATE.into(),
            Self::Deadline { last: Some(last) } => last.after(&format!("{LATE}; last error: ")),
            Self::NotConnected => "not connected yet".into(),
            Self::Unsuitable(reasons) => reasons.as_str().into(),
            Self::Recreated(recreated) => recreated.to_string().into(),
            Self::NotAMark { id, reason } => format!("{id}: the stored item is not a mark: {reason}").into(),
            Self::Rejected { id, reason } => format!("{id}: {reason}").into(),
            Self::ConfirmedMarkGone => "the mark to confirm is gone".into(),
            Self::ChangedMeanwhile => "it was changed by another writer in the meantime".into(),
            Self::NoRandomNumber(error) => format!("no random number for a write: {error}").into(),
            Self::Stopped => "its thread has stopped".into(),
            Self::Failed(reason) => reason.clone(),
        }
    }

    /// The text for the log, which may name the store.
    pub fn log(&self) -> String {
        format!("{CANNOT_BE_USED}: {}", self.reason().log())
    }
}

const CANNOT_BE_USED: &str = "the mark store cannot be used";

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{CANNOT_BE_USED}: {}", self.reason())
    }
}

impl std::error::Error for StoreError {}

/// The store holds a lower mark than before, or a different one: a backup was restored, the container was recreated, or a mark
/// was edited. It is unknown what else was signed, so nothing is signed with this key until its marks are raised. *Failed*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the mark store has lost what it acknowledged for this key: raise its marks above everything signed (azurehsm-signer \
     marks raise)"
)]
pub struct Lost {
    /// The lost mark.
    pub id: MarkId,
    /// Its highest known position.
    pub before: Position,
    /// Its position now; `None` if it is gone. At the same position, it is a different write.
    pub now: Option<Position>,
}

impl Lost {
    /// Whether the mark is now higher, or was raised by hand to the same position, where nothing is signed then.
    pub fn is_compensated_by(&self, stored: Option<&Stored>) -> bool {
        stored.is_some_and(|Stored { mark, .. }| {
            let now = mark.true_position();
            now > self.before || now == self.before && mark.true_digest().is_none()
        })
    }

    /// The text for the log.
    pub fn log(&self) -> String {
        let Self { id, before, now } = self;
        match now {
            Some(now) if now == before => {
                format!("the mark {id} at {now} is not the one that was acknowledged; {self}")
            }
            Some(now) => format!("the mark {id} was at {before} and is now at {now}; {self}"),
            None => format!("the mark {id} was at {before} and is gone; {self}"),
        }
    }
}

/// The outcome of a conditional write that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The stored mark has another version: nothing was written by this call.
    #[error("the mark was changed by another writer")]
    Changed,
    /// Nothing was written.
    #[error(transparent)]
    NotWritten(StoreError),
    /// It may have been written, or may still be written: reading it back shows which.
    #[error("unknown whether the mark was written: {0}")]
    Unknown(StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_details_that_the_answer_lacks() {
        let error = StoreError::new(FailureReason::with_log("403/5300", "403/5300 from marks.documents.azure.com"));
        assert!(error.to_string().ends_with("403/5300"));
        assert_eq!(error.log(), "the mark store cannot be used: 403/5300 from marks.documents.azure.com");

        let id: MarkId = "NetXdQprcVkpaWU:tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t:block".parse().unwrap();
        let at = |level: i32| Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() };
        for (now, expected) in [
            (Some(at(5)), "at level 5, round 0 is not the one that was acknowledged"),
            (Some(at(4)), "was at level 5, round 0 and is now at level 4, round 0"),
            (None, "was at level 5, round 0 and is gone"),
        ] {
            let lost = Lost { id, before: at(5), now };
            assert!(lost.log().starts_with(&format!("the mark {id} {expected}; {lost}")), "{}", lost.log());
        }
    }
}
