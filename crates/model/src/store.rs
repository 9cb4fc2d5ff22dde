//! The mark store.

use crate::hashed::Hashed;
use azurehsm_signer::marks::{Mark, Stored, Version};

/// A store with one item for each mark, and conditional writes that are applied one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    items: Vec<Hashed<Item>>,
    /// Number of the container; incremented when it is created again.
    container: u8,
    /// Whether it has ever lost a mark.
    has_lost: bool,
    /// The key's stop item: a bit for each stop.
    stops: u8,
    /// The stops whose evidence an operator has acknowledged.
    acknowledged: u8,
    /// A copy of all marks, which may be restored.
    backup: Option<Vec<Hashed<Item>>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Item {
    stored: Option<Stored>,
    /// Number of writes so far, which determines the version: none is used twice.
    writes: u8,
}

/// The container that keys are bound to.
pub(crate) const ORIGINAL: u8 = 0;

/// The result of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// Applied.
    Done {
        version: Version,
        /// Whether the mark is higher than before.
        has_risen: bool,
    },
    /// The version did not match; nothing was written.
    Changed,
}

impl Store {
    pub(crate) fn new(marks: usize) -> Self {
        Self {
            items: vec![Hashed::default(); marks],
            container: ORIGINAL,
            has_lost: false,
            stops: 0,
            acknowledged: 0,
            backup: None,
        }
    }

    /// How many marks there may be.
    pub(crate) const fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn read(&self, mark: usize) -> Option<&Stored> {
        self.items[mark].stored.as_ref()
    }

    /// Writes if the version is `expected`, or always if not `is_conditional`.
    pub(crate) fn write(&mut self, mark: usize, new: &Mark, expected: Option<&Version>, is_conditional: bool) -> Write {
        if is_conditional && !self.is_at(mark, expected) {
            return Write::Changed;
        }
        self.items[mark].update(|item| {
            let has_risen = item.stored.as_ref().is_none_or(|stored| {
                let (before, after) = (stored.mark.true_position(), new.true_position());
                let concerns_stops = stored.mark.stop.is_some() || new.stop.is_some();
                before < after || concerns_stops && before == after
            });
            item.writes += 1;
            let version = Version(item.writes.to_string());
            item.stored = Some(Stored { mark: new.clone(), version: version.clone() });
            Write::Done { version, has_risen }
        })
    }

    pub(crate) const fn container(&self) -> u8 {
        self.container
    }

    /// The stops in the key's stop item.
    pub(crate) const fn stops(&self) -> u8 {
        self.stops
    }

    pub(crate) const fn set_stops(&mut self, stops: u8) {
        self.stops = stops;
    }

    /// The stops whose evidence an operator has acknowledged: it never stops the key again.
    pub(crate) const fn acknowledged(&self) -> u8 {
        self.acknowledged
    }

    pub(crate) const fn acknowledge(&mut self, stops: u8) {
        self.acknowledged |= stops;
    }

    pub(crate) const fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Deletes the container and creates it again: its marks are gone.
    pub(crate) fn create_again(&mut self) {
        self.backup = None;
        self.container += 1;
        (0..self.items.len()).for_each(|mark| self.lose(mark));
    }

    /// Loses a mark in the same container, as after restoring a backup from before it was written.
    pub(crate) fn lose(&mut self, mark: usize) {
        self.has_lost = true;
        // A version is never used twice.
        self.items[mark].update(|item| item.stored = None);
    }

    /// Copies all marks.
    pub(crate) fn back_up(&mut self) {
        self.backup = Some(self.items.clone());
    }

    pub(crate) const fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Replaces all marks by those in the backup, with their versions: in a new container, or in the same one.
    pub(crate) fn restore(&mut self, is_in_place: bool) {
        self.has_lost = true;
        self.container += u8::from(!is_in_place);
        let Some(backup) = self.backup.take() else { return };
        for (item, copy) in self.items.iter_mut().zip(backup) {
            // No version is used again for another mark.
            item.update(|item| item.stored.clone_from(&copy.stored));
        }
    }

    /// Whether a write that expects this version can still have an effect.
    pub(crate) fn may_be_at(&self, mark: usize, version: Option<&Version>) -> bool {
        let in_backup = |copy: &Vec<Hashed<Item>>| copy[mark].stored.as_ref().map(|stored| &stored.version) == version;
        self.is_at(mark, version) || self.backup.as_ref().is_some_and(in_backup)
    }

    /// Whether the mark has this version at the moment.
    pub(crate) fn is_at(&self, mark: usize, version: Option<&Version>) -> bool {
        self.read(mark).map(|stored| &stored.version) == version
    }
}
