//! What one process remembers of one mark.

use super::{AttemptId, Lost, MarkId, Stored};
use crate::tezos::payload::Position;

/// What one process has seen of one mark. It may refuse early or save a read; it never permits anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The mark last seen. Taken out while a request may write, so that a dropped request leaves nothing outdated behind.
    last: Option<Stored>,
    highest: Option<Highest>,
}

/// The highest mark that the store has ever returned or acknowledged. No position is written twice, so each has one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Highest {
    position: Position,
    attempt: AttemptId,
}

impl Highest {
    const fn of(stored: &Stored) -> Self {
        Self { position: stored.mark.position, attempt: stored.mark.attempt }
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
            mark: Mark { position, digest: Some(Digest::from_bytes([7; 32])), signature: None, attempt, written: None },
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
