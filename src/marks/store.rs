use super::{Mark, MarkId, StoreId};
use crate::reason::Reason;
use crate::tezos::payload::Position;
use async_trait::async_trait;
use thiserror::Error;
use tokio::time::Instant;

/// Where marks are kept: durably, one for each [`MarkId`].
///
/// Two operations are all there is, so that the role of the running service needs no more: there is no delete, no
/// unconditional write, no query.
#[async_trait]
pub trait MarkStore: Send + Sync {
    /// Reads a mark. Sees every write that was acknowledged before the call, by whichever process
    /// (not so in a Cosmos DB account that `ALLOW_WEAK_CONSISTENCY` lets pass: there a decision may be made on an older mark, but
    /// its write then fails). Keeps trying until `deadline`.
    async fn read(&self, id: &MarkId, deadline: Instant) -> Result<Option<Stored>, StoreError>;

    /// Writes `mark` if the stored one still has the version `expected`, or if there is still none when that is `None`;
    /// compare and write are one step. Durable once `Ok` is returned. The caller has decided by the rule on just that
    /// stored mark; that is what keeps marks rising. Keeps trying until `deadline`, for as long as nothing can have been written.
    async fn write(
        &self,
        id: &MarkId,
        mark: &Mark,
        expected: Option<&Version>,
        deadline: Instant,
    ) -> Result<Version, WriteError>;

    /// Whether a mark that [`read`](Self::read) does not find may have been lost. So it is in an embedded store that was made
    /// anew in the place of a lost one, for keys that an operator has not declared new.
    async fn may_have_lost(&self, _id: &MarkId) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Which store this is, for comparison with what keys are bound to. Asks nobody: the `_rid` of a container is missing
    /// until it has been read. What does not say is taken for an embedded store, to which no key can be bound.
    fn id(&self) -> StoreId {
        StoreId::Embedded
    }

    /// Whether the container was deleted and created again since the process first saw it, so that [`Self::id`] names another
    /// one than it did. It stays so until the process ends.
    fn is_recreated(&self) -> bool {
        false
    }

    /// Waits until [`Self::id`] is complete, if the store has to connect first, but not beyond the deadline.
    ///
    /// # Errors
    /// [`StoreError`], if it cannot be used, or is not connected by then.
    async fn connected(&self, _deadline: Instant) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether it can be used: it is connected, if it has to be, and safe for marks.
    fn is_ready(&self) -> bool {
        true
    }
}

/// A mark as it was read or written, with its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The mark.
    pub mark: Mark,
    /// Changes with every write.
    pub version: Version,
}

/// Names one write of one item; to be compared for equality only (an `ETag` in Cosmos DB).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// The store could not be read or written. Nothing is known to be wrong with the request: *failed*, not *refused*.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the mark store cannot be used: {0}")]
pub struct StoreError(pub Reason);

impl StoreError {
    /// With a text that the client may read too.
    pub fn new(why: impl Into<Reason>) -> Self {
        Self(why.into())
    }

    /// With a text for the client, and one for the log, which may name the store.
    pub fn with_log(answer: impl Into<String>, log: impl Into<String>) -> Self {
        Self(Reason::with_log(answer, log))
    }

    /// The request's deadline came first. `last` is what went wrong before, if anything did.
    pub fn deadline(last: Option<&Self>) -> Self {
        const LATE: &str = "no answer within the request's deadline (REQUEST_DEADLINE_MS)";
        Self(match last {
            Some(Self(last)) => last.after(&format!("{LATE}; the last trouble was: ")),
            None => LATE.into(),
        })
    }

    /// The text for the log.
    pub fn log(&self) -> String {
        format!("the mark store cannot be used: {}", self.0.log())
    }
}

/// The store holds less than it once did, or something else: a backup was restored, the container was created again, or a mark
/// was changed by hand. Nobody knows what else was signed, so nothing is, with this key. *Failed*, until its marks are raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the mark store has lost what it acknowledged for this key: raise its marks above all that was signed (azurehsm-signer \
     marks raise)"
)]
pub struct Lost {
    /// The mark.
    pub id: MarkId,
    /// Where it was.
    pub before: Position,
    /// Where it is now. At the same position it is another write.
    pub now: Option<Position>,
}

impl Lost {
    /// Whether the mark is now above where it was, or was raised by hand to just there, where nothing is signed then.
    pub fn is_made_up_for_by(&self, stored: Option<&Stored>) -> bool {
        stored.is_some_and(|Stored { mark, .. }| {
            mark.position > self.before || mark.position == self.before && mark.digest.is_none()
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

/// What became of a conditional write that was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The stored mark has another version: nothing was written by this call.
    #[error("the mark was changed by another writer")]
    Changed,
    /// Nothing was written.
    #[error(transparent)]
    NotWritten(StoreError),
    /// It may have been written, or may still be: only reading tells.
    #[error("it is not known whether the mark was written: {0}")]
    Unknown(StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_says_more_than_the_answer() {
        let error = StoreError::with_log("403/5300", "403/5300 from marks.documents.azure.com");
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
