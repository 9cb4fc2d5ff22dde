//! Invariant 2, and the state of the marks at any time.

use super::stops::STOPPED_AT;
use super::{Invariant, Slot, Violation};
use crate::history::{History, MarkId, Stored};
use std::collections::HashMap;
use std::time::Instant;

/// The versions of every mark, in order.
pub(super) struct Marks<'a> {
    versions: HashMap<&'a MarkId, Vec<&'a Stored>>,
    /// When the container was replaced by an empty one.
    container_loss: Option<Instant>,
}

impl<'a> Marks<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let mut versions = HashMap::<_, Vec<_>>::new();
        for stored in &history.stored {
            versions.entry(&stored.id).or_default().push(stored);
        }
        Self { versions, container_loss: history.container_loss.map(|loss| loss.at) }
    }

    /// All versions at this slot.
    pub(super) fn at(&self, slot: &Slot) -> impl Iterator<Item = &'a Stored> {
        let versions = self.versions.get(&slot.id).map_or(&[][..], Vec::as_slice);
        // Not by bisection: marks in the history may have fallen, which is a violation to report.
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

    /// The mark at this time.
    pub(super) fn when(&self, id: &MarkId, at: Instant) -> Option<&'a Stored> {
        let versions = self.versions.get(id)?;
        let after = versions.partition_point(|version| version.at <= at);
        let mark = versions.get(after.checked_sub(1)?).copied()?;
        let is_lost = self.container_loss.is_some_and(|loss| mark.at <= loss && loss < at);
        (!is_lost).then_some(mark)
    }

    /// The first version of a mark.
    pub(super) fn first(&self, id: &MarkId) -> Option<&'a Stored> {
        self.versions.get(id)?.first().copied()
    }

    /// Each version of each mark with the one after it, unless the container was replaced in between.
    pub(super) fn changes(&self) -> impl Iterator<Item = [&'a Stored; 2]> {
        let pairs = self.versions.values().flat_map(|versions| versions.windows(2));
        let pairs = pairs.filter_map(|pair| <[&Stored; 2]>::try_from(pair).ok());
        pairs.filter(|[before, after]| !self.is_lost_between(before, after))
    }

    /// Whether a mark was stopped at some time between these.
    pub(super) fn was_stopped(&self, id: &MarkId, from: Instant, to: Instant) -> bool {
        self.between(id, from, to).iter().any(|version| version.is_stopped())
    }

    /// Whether it had this stop.
    pub(super) fn has_stop(&self, id: &MarkId, stop: &str, from: Instant, to: Instant) -> bool {
        self.between(id, from, to).iter().any(|version| version.stops.iter().any(|id| &**id == stop))
    }

    /// The versions that were the current one at some time between these.
    fn between(&self, id: &MarkId, from: Instant, to: Instant) -> &[&'a Stored] {
        let versions = self.versions.get(id).map_or(&[][..], Vec::as_slice);
        let first = versions.partition_point(|version| version.at <= from).saturating_sub(1);
        let last = versions.partition_point(|version| version.at <= to);
        versions.get(first..last).unwrap_or_default()
    }

    /// Whether the container was replaced between two versions.
    fn is_lost_between(&self, before: &Stored, after: &Stored) -> bool {
        self.container_loss.is_some_and(|loss| before.at <= loss && loss < after.at)
    }

    /// Marks that fell, were written twice at one position, or were deleted.
    pub(super) fn violations(&self, history: &History) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut violation = |slot: Option<Slot>, what: String| {
            found.push(Violation { invariant: Invariant::MarksOnlyRise, slot, what });
        };
        if history.other_operations > 0 {
            let what = format!(
                "the store got {} requests other than to read, create or replace an item",
                history.other_operations
            );
            violation(None, what);
        }
        for (id, versions) in &self.versions {
            let slot = |version: &Stored| Some(Slot { id: (*id).clone(), position: version.position });
            for version in versions.iter().filter(|version| version.shown == STOPPED_AT && !version.is_stopped()) {
                violation(slot(version), "the mark is where stopped marks are, but has no stop".to_owned());
            }
            if let Some(first) = versions.first().filter(|first| !first.is_created) {
                violation(slot(first), "the mark was replaced, but never created".to_owned());
            }
            for pair in versions.windows(2) {
                let [before, after] = pair else { continue };
                if self.is_lost_between(before, after) {
                    if !after.is_created {
                        violation(slot(after), "a mark was replaced in a container that was empty".to_owned());
                    }
                } else if after.is_created {
                    violation(
                        slot(after),
                        format!("a mark at {} was created again at {}", before.position, after.position),
                    );
                } else if after.position < before.position || !is_advance_or_stop(before, after) {
                    violation(slot(after), format!("the mark went from {} to {}", before.position, after.position));
                }
            }
        }
        found
    }
}

/// Whether a mark went up, or has other stops than before and is the same otherwise.
fn is_advance_or_stop(before: &Stored, after: &Stored) -> bool {
    let is_same = (&before.digest, &before.signature) == (&after.digest, &after.signature);
    after.position > before.position || (is_same && before.stops != after.stops)
}
