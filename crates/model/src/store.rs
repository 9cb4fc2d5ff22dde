use crate::hashed::Hashed;
use azurehsm_signer::marks::{Mark, Stored, Version};

/// The mark store: an item for each mark, written on condition, one write after the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    items: Vec<Hashed<Item>>,
    /// Which container it is: one that is created again has another number.
    container: u8,
    /// Whether it has ever lost a mark.
    has_lost: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Item {
    stored: Option<Stored>,
    /// How often it has been written: what its version is made of.
    writes: u8,
}

/// The container that keys are bound to.
pub(crate) const ORIGINAL: u8 = 0;

/// What a write did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Write {
    /// It was done.
    Done {
        version: Version,
        /// Whether the mark is higher than before.
        has_risen: bool,
    },
    /// The version was another than expected; nothing was done.
    Changed,
}

impl Store {
    pub(crate) fn new(marks: usize) -> Self {
        Self { items: vec![Hashed::default(); marks], container: ORIGINAL, has_lost: false }
    }

    pub(crate) fn read(&self, mark: usize) -> Option<&Stored> {
        self.items[mark].stored.as_ref()
    }

    /// Writes if the version is `expected`; whatever it is, if the store is a broken one.
    pub(crate) fn write(&mut self, mark: usize, new: &Mark, expected: Option<&Version>, is_conditional: bool) -> Write {
        if is_conditional && !self.is_at(mark, expected) {
            return Write::Changed;
        }
        self.items[mark].update(|item| {
            let has_risen = item.stored.as_ref().is_none_or(|stored| stored.mark.position < new.position);
            item.writes += 1;
            let version = Version(item.writes.to_string());
            item.stored = Some(Stored { mark: new.clone(), version: version.clone() });
            Write::Done { version, has_risen }
        })
    }

    pub(crate) const fn container(&self) -> u8 {
        self.container
    }

    pub(crate) const fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// The container is deleted and created again: its marks are gone.
    pub(crate) fn create_again(&mut self) {
        self.container += 1;
        (0..self.items.len()).for_each(|mark| self.lose(mark));
    }

    /// A mark is lost, and the container is the same: a backup from before it was restored.
    pub(crate) fn lose(&mut self, mark: usize) {
        self.has_lost = true;
        // Versions do not come back.
        self.items[mark].update(|item| item.stored = None);
    }

    /// Whether the mark has this version now.
    pub(crate) fn is_at(&self, mark: usize, version: Option<&Version>) -> bool {
        self.read(mark).map(|stored| &stored.version) == version
    }
}
