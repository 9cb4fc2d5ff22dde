use super::{MarkId, StoreError, Stored};
use crate::tezos::payload::Position;

/// What one process has seen of one mark. It may refuse early or save a read; it never permits anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The mark last seen, if any. Taken out while a request is under way, so that a caller who goes away in the middle
    /// leaves nothing behind that may be outdated.
    last: Option<Stored>,
    /// The highest position that the store has ever told or acknowledged.
    highest: Option<Position>,
}

impl Seen {
    /// Takes the mark last seen out.
    pub(super) const fn take(&mut self) -> Option<Stored> {
        self.last.take()
    }

    /// Keeps a mark for the next request: what the store told, or acknowledged.
    pub(super) fn keep(&mut self, stored: Option<Stored>) {
        self.last = stored;
    }

    /// The store has acknowledged a write.
    pub(super) fn acknowledged(&mut self, stored: Stored) {
        self.highest = Some(stored.mark.position);
        self.last = Some(stored);
    }

    /// Remembers what the store tells.
    ///
    /// # Errors
    /// If that is lower than what it told or acknowledged before.
    pub(super) fn note(&mut self, id: &MarkId, stored: Option<&Stored>) -> Result<(), StoreError> {
        let position = stored.map(|stored| stored.mark.position);
        if position < self.highest {
            let now = position.map_or_else(|| "there is none".to_owned(), |position| format!("it is {position}"));
            let before = self.highest.map(|highest| highest.to_string()).unwrap_or_default();
            return Err(StoreError::new(format!(
                "the mark {id} was {before} and now {now}: the store has lost what it acknowledged. Raise its marks above \
                 all that was signed (azurehsm-signer marks raise)"
            )));
        }
        self.highest = position;
        Ok(())
    }
}
