use super::{AttemptId, Lost, MarkId, Stored};
use crate::tezos::payload::Position;

/// What one process has seen of one mark. It may refuse early or save a read; it never permits anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The mark last seen, if any. Taken out while a request may write, so that a caller who goes away in the middle leaves
    /// nothing behind that may be outdated.
    last: Option<Stored>,
    highest: Option<Highest>,
}

/// The highest mark that the store has ever returned or acknowledged. No position is written twice, so there is one write
/// for each.
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
    /// The mark last seen.
    pub(super) const fn last(&self) -> Option<&Stored> {
        self.last.as_ref()
    }

    /// The highest mark so far, to compare with what a read returns that begins now.
    pub(super) const fn highest(&self) -> Option<Highest> {
        self.highest
    }

    /// Whether the store holds, or once held, a mark.
    pub(super) const fn is_acknowledged(&self) -> bool {
        self.highest.is_some()
    }

    /// Takes the mark last seen out.
    pub(super) const fn take(&mut self) -> Option<Stored> {
        self.last.take()
    }

    /// Keeps a mark for the next request: what the store returned, or acknowledged.
    pub(super) fn keep(&mut self, stored: Option<Stored>) {
        self.last = stored;
    }

    /// The store has acknowledged a write.
    pub(super) fn acknowledged(&mut self, stored: Stored) {
        self.highest = Some(Highest::of(&stored));
        self.last = Some(stored);
    }

    /// Compares what a read has returned with the highest mark from before the read, and remembers it.
    ///
    /// # Errors
    /// [`Lost`] if the store holds less than it once did, or another write at the same position.
    pub(super) fn note(&mut self, id: &MarkId, before: Option<Highest>, stored: Option<&Stored>) -> Result<(), Lost> {
        let now = stored.map(Highest::of);
        if let Some(before) = before
            && now != Some(before)
        {
            let lost = Lost { id: *id, before: before.position, now: now.map(|now| now.position) };
            if !lost.is_made_up_for_by(stored) {
                return Err(lost);
            }
        }
        // Another request may have raised the mark while this read was under way.
        if now.map(|now| now.position) > self.highest.map(|highest| highest.position) {
            self.highest = now;
        }
        Ok(())
    }

    /// Whether a mark that was read is still the highest that is known.
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

    /// Else the loss would be forgotten with it.
    #[test]
    fn what_was_acknowledged_is_not_replaced_by_another_write_at_its_position() {
        let key = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        let id = MarkId { chain: "NetXdQprcVkpaWU".parse().unwrap(), key, kind: Kind::Attestation };
        let (mut seen, acknowledged, other, higher) = (Seen::default(), stored(5), stored(5), stored(6));
        assert!(seen.is_highest(None));
        let before = seen.highest();
        seen.acknowledged(acknowledged.clone());
        // The read began before that.
        assert_eq!(seen.note(&id, before, Some(&other)), Ok(()));
        assert!(seen.is_highest(Some(&acknowledged)) && !seen.is_highest(Some(&other)) && !seen.is_highest(None));
        assert!(seen.note(&id, seen.highest(), Some(&other)).is_err());

        assert_eq!(seen.note(&id, seen.highest(), Some(&higher)), Ok(()));
        assert!(seen.is_highest(Some(&higher)));
    }
}
