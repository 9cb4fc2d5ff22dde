//! What a request does on its way, for the metrics and its span.

use crate::metrics::{RepeatSource, StageTimes};
use std::sync::OnceLock;

/// What a request has done so far. Shared by the parts of it that run at the same time.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The time spent in each stage.
    pub(super) stages: StageTimes,
    repeat: OnceLock<RepeatSource>,
}

impl Trace {
    pub(super) fn new(stages: StageTimes) -> Self {
        Self { stages, repeat: OnceLock::new() }
    }

    /// The request repeats an earlier one.
    pub(super) fn repeats(&self, source: RepeatSource) {
        self.repeat.get_or_init(|| source);
    }

    /// Where the answer comes from, if the request repeats an earlier one.
    pub(super) fn repeat(&self) -> Option<RepeatSource> {
        self.repeat.get().copied()
    }
}
