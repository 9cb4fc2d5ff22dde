//! Invariant 2, and what the marks were at any time.

use super::{Invariant, Slot, Violation};
use crate::history::{History, MarkId, Stored};
use std::collections::HashMap;
use std::time::Instant;

/// The versions of every mark, in order.
pub(super) struct Marks<'a>(HashMap<&'a MarkId, Vec<&'a Stored>>);

impl<'a> Marks<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let mut marks = HashMap::<_, Vec<_>>::new();
        for stored in &history.stored {
            marks.entry(&stored.id).or_default().push(stored);
        }
        Self(marks)
    }

    /// All versions that were ever at this slot.
    pub(super) fn at(&self, slot: &Slot) -> impl Iterator<Item = &'a Stored> {
        let versions = self.0.get(&slot.id).map_or(&[][..], Vec::as_slice);
        // Not by bisection: a store in which marks fell is to be judged as well.
        let first = versions.partition_point(|version| version.position < slot.position);
        let rises = versions.is_sorted_by_key(|version| version.position);
        let from = if rises { first } else { 0 };
        let position = slot.position;
        versions
            .get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(move |version| !rises || version.position == position)
            .filter(move |version| version.position == position)
            .copied()
    }

    /// What the mark was at this time.
    pub(super) fn when(&self, id: &MarkId, at: Instant) -> Option<&'a Stored> {
        let versions = self.0.get(id)?;
        let after = versions.partition_point(|version| version.at <= at);
        versions.get(after.checked_sub(1)?).copied()
    }

    /// Marks that fell, were written a second time at one position, or were deleted.
    pub(super) fn violations(&self, history: &History) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut violation = |slot: Option<Slot>, what: String| {
            found.push(Violation { invariant: Invariant::MarksOnlyRise, slot, what });
        };
        if history.other_operations > 0 {
            let what = format!(
                "the store was asked {} times for something else than to read, create or replace an item",
                history.other_operations
            );
            violation(None, what);
        }
        for (id, versions) in &self.0 {
            let slot = |version: &Stored| Some(Slot { id: (*id).clone(), position: version.position });
            if let Some(first) = versions.first().filter(|first| !first.is_created) {
                violation(slot(first), "the mark was replaced, and never created".to_owned());
            }
            for pair in versions.windows(2) {
                let [before, after] = pair else { continue };
                if after.is_created {
                    violation(
                        slot(after),
                        format!("a mark at {} was created anew at {}", before.position, after.position),
                    );
                } else if after.position <= before.position {
                    violation(slot(after), format!("the mark went from {} to {}", before.position, after.position));
                }
            }
        }
        found
    }
}
