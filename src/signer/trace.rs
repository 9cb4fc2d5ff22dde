//! What a request does on its way, for the metrics and its span.

use crate::marks::{Place, WriteNote};
use crate::metrics::{RepeatSource, StageTimes};
use std::sync::OnceLock;

/// What a request has done so far. Shared by the parts of it that run at the same time.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The time spent in each stage.
    pub(super) stages: StageTimes,
    repeat: OnceLock<RepeatSource>,
    place: OnceLock<Place>,
}

impl Trace {
    pub(super) fn new(stages: StageTimes) -> Self {
        Self { stages, ..Self::default() }
    }

    /// The request repeats an earlier one.
    pub(super) fn repeats(&self, source: RepeatSource) {
        self.repeat.get_or_init(|| source);
    }

    /// The request wrote a version of the mark, if it did.
    pub(super) fn wrote(&self, note: &WriteNote) {
        if let Some(place) = note.place() {
            self.place.get_or_init(|| place);
        }
    }

    /// The place of the version of the mark that the request wrote.
    pub(super) fn place(&self) -> Option<Place> {
        self.place.get().copied()
    }

    /// Where the answer comes from, if the request repeats an earlier one.
    pub(super) fn repeat(&self) -> Option<RepeatSource> {
        self.repeat.get().copied()
    }
}
