//! What one process remembers of one mark.

use super::{AttemptId, Lost, MarkId, Stored};
use crate::tezos::payload::Position;

/// What one process has seen of one mark. It may refuse early or save a read; it never permits anything.
///
/// The mark in memory is [stoppable](super::Mark::stoppable) as soon as this process has read the key's stop item; in the store,
/// the next write makes it so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The mark last seen. Taken out while a request may write, so that a dropped request leaves nothing outdated behind.
    last: Option<Stored>,
    highest: Option<Highest>,
}

/// The highest mark that the store has ever returned or acknowledged. No position is reached twice, so each has one write. For a
/// stopped mark, it is the true position, which a resume returns to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Highest {
    position: Position,
    attempt: AttemptId,
}

impl Highest {
    fn of(stored: &Stored) -> Self {
        Self { position: stored.mark.true_position(), attempt: stored.mark.origin() }
    }
}

impl Seen {
    pub(super) const fn last(&self) -> Option<&Stored> {
        self.last.as_ref()
    }

    /// The highest mark so far, to compare with the result of a read that begins now.
    pub(super) const fn highest(&self) -> Option<Highest> {
        self.highest
    }

    /// The highest position so far.
    pub(super) fn highest_position(&self) -> Option<Position> {
        self.highest.map(|highest| highest.position)
    }

    /// Whether the store holds or once held a mark.
    pub(super) const fn is_acknowledged(&self) -> bool {
        self.highest.is_some()
    }

    pub(super) const fn take(&mut self) -> Option<Stored> {
        self.last.take()
    }

    /// Keeps the mark that the store returned or acknowledged, for the next request.
    pub(super) fn keep(&mut self, stored: Option<Stored>) {
        self.last = stored;
    }

    /// Keeps the mark that the store returned, unless a higher one is known: another request may have raised it while it was read.
    pub(super) fn keep_if_highest(&mut self, mut stored: Option<Stored>) {
        if self.is_highest(stored.as_ref()) {
            if let Some(stored) = &mut stored {
                stored.mark.stoppable |= self.is_stoppable(stored.mark.attempt);
            }
            self.last = stored;
        }
    }

    /// Whether this process has read the key's stop item since it saw this write.
    pub(super) fn is_stoppable(&self, attempt: AttemptId) -> bool {
        self.last.as_ref().is_some_and(|last| last.mark.attempt == attempt && last.mark.stoppable)
    }

    /// The key's stop item was read after this write was seen, and nothing covers the mark.
    pub(super) fn stops_were_read(&mut self, attempt: AttemptId) {
        if let Some(last) = self.last.as_mut().filter(|last| last.mark.attempt == attempt) {
            last.mark.stoppable = true;
        }
    }

    /// The store has acknowledged a write.
    pub(super) fn acknowledged(&mut self, stored: Stored) {
        self.highest = Some(Highest::of(&stored));
        self.last = Some(stored);
    }

    /// Compares the result of a read with the highest mark from before the read, and remembers it.
    ///
    /// # Errors
    /// [`Lost`] if the store holds less than it once did, or another write at the same position.
    pub(super) fn note(&mut self, id: &MarkId, before: Option<Highest>, stored: Option<&Stored>) -> Result<(), Lost> {
        let now = stored.map(Highest::of);
        if let Some(before) = before
            && now != Some(before)
        {
            let lost = Lost { id: *id, before: before.position, now: now.map(|now| now.position) };
            if !lost.is_compensated_by(stored) {
                return Err(lost);
            }
        }
        // Another request may have raised the mark while this read was under way.
        if now.map(|now| now.position) > self.highest.map(|highest| highest.position) {
            self.highest = now;
        }
        Ok(())
    }

    /// Whether a mark that was read is still the highest known one.
    pub(super) fn is_highest(&self, stored: Option<&Stored>) -> bool {
        self.highest == stored.map(Highest::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::{Mark, Version};
    use crate::tezos::Digest;
    use crate::tezos::payload::Kind;

    fn stored(level: i32) -> Stored {
        let position = Position { level: level.try_into().unwrap(), round: 0.try_into().unwrap() };
        let attempt = AttemptId::random().unwrap();
        Stored {
            mark: Mark::new(position, Some(Digest::from_bytes([7; 32])), None, attempt, None),
            version: Version(String::new()),
        }
    }

    /// Otherwise the loss would be forgotten.
    #[test]
    fn an_acknowledged_mark_is_not_replaced_by_another_write_at_its_position() {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        let id = MarkId { chain: "NetXdQprcVkpaWU".parse().unwrap(), key, kind: Kind::Attestation };
        let (mut seen, acknowledged, other, higher) = (Seen::default(), stored(5), stored(5), stored(6));
        assert!(seen.is_highest(None));
        let before = seen.highest();
        seen.acknowledged(acknowledged.clone());
        // A read that began before the acknowledgement.
        assert_eq!(seen.note(&id, before, Some(&other)), Ok(()));
        assert!(seen.is_highest(Some(&acknowledged)) && !seen.is_highest(Some(&other)) && !seen.is_highest(None));
        assert!(seen.note(&id, seen.highest(), Some(&other)).is_err());

        assert_eq!(seen.note(&id, seen.highest(), Some(&higher)), Ok(()));
        assert!(seen.is_highest(Some(&higher)));
    }
}
