//! What each of two releases did with the marks of the other.

use crate::history::{Answer, Exchange, History};
use crate::judge::{Request, Slot};
use crate::payload::Kind;
use crate::release::{Release, Started};
use std::collections::{HashMap, HashSet};

/// Counts for one release.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OfRelease {
    /// Starts of this release at a place that ran the other one.
    pub(crate) changes: u64,
    /// Signatures by its signers.
    pub(crate) signed: u64,
    /// Blocks for which its signers returned the signature that the other release had stored.
    pub(crate) blocks_of_other: u64,
    /// Refusals by its signers of other data, where only the other release had signed.
    pub(crate) refused_after_other: u64,
    /// Signatures that its relays returned.
    pub(crate) relayed: u64,
}

/// Counts for both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SideBySide {
    this: OfRelease,
    other: OfRelease,
}

impl SideBySide {
    /// The counts of a season.
    pub(crate) fn of(history: &History) -> Self {
        let mut counts = Self::default();
        for change in changes(&history.started) {
            counts.of_mut(change.release).changes += 1;
        }
        let mut exchanges: Vec<_> = history.exchanges.iter().collect();
        exchanges.sort_by_key(|exchange| exchange.until);
        // The releases that have signed at each slot so far.
        let mut signers = HashMap::<Slot, HashSet<Release>>::new();
        for exchange in exchanges {
            let Some(release) = history.release(exchange) else { continue };
            let is_signed = exchange.is_signed();
            if exchange.place < history.relays {
                counts.of_mut(release).relayed += u64::from(is_signed);
                continue;
            }
            let Some(slot) = Request::new(exchange).slot else { continue };
            let is_block = slot.id.kind == Kind::Block;
            let signed_by = signers.entry(slot).or_default();
            let only_other = !signed_by.is_empty() && !signed_by.contains(&release);
            let count = counts.of_mut(release);
            if is_signed {
                count.signed += 1;
                count.blocks_of_other += u64::from(is_block && only_other);
                signed_by.insert(release);
            } else if only_other && is_refused_for_other_data(&exchange.answer) {
                count.refused_after_other += 1;
            }
        }
        counts
    }

    /// The counts of a release.
    const fn get(&self, release: Release) -> &OfRelease {
        match release {
            Release::This => &self.this,
            Release::Other => &self.other,
        }
    }

    const fn of_mut(&mut self, release: Release) -> &mut OfRelease {
        match release {
            Release::This => &mut self.this,
            Release::Other => &mut self.other,
        }
    }

    pub(crate) fn add(&mut self, more: Self) {
        for release in Release::BOTH {
            let more = *more.get(release);
            let sum = self.of_mut(release);
            sum.changes += more.changes;
            sum.signed += more.signed;
            sum.blocks_of_other += more.blocks_of_other;
            sum.refused_after_other += more.refused_after_other;
            sum.relayed += more.relayed;
        }
    }

    /// Both, in the order of reports.
    pub(crate) fn by_release(&self) -> impl Iterator<Item = (Release, &OfRelease)> {
        Release::BOTH.into_iter().map(|release| (release, self.get(release)))
    }

    /// What one of the releases did not do.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = String> {
        Release::BOTH.into_iter().flat_map(|release| {
            let OfRelease { changes, signed, blocks_of_other, refused_after_other, relayed } = *self.get(release);
            [
                (changes, "restart into the"),
                (signed, "signatures by the"),
                (blocks_of_other, "blocks of the other one returned by the"),
                (refused_after_other, "refusals because of a mark of the other one by the"),
                (relayed, "signatures through a relay of the"),
            ]
            .into_iter()
            .filter(|(count, _)| *count == 0)
            .map(move |(_, what)| format!("{what} {}", release.name()))
        })
    }
}

fn is_refused_for_other_data(answer: &Answer) -> bool {
    matches!(answer, Answer::NotSigned { status: 409, reason } if reason.contains("already signed with different data"))
}

/// The starts at a place that ran the other release before.
fn changes(started: &[Started]) -> impl Iterator<Item = &Started> {
    let mut before = HashMap::new();
    started.iter().filter(move |start| before.insert(start.place, start.release).is_some_and(|it| it != start.release))
}

impl History {
    /// The release that got a request.
    pub(crate) fn release(&self, exchange: &Exchange) -> Option<Release> {
        self.last_start(exchange).map(|start| start.release)
    }

    /// The start of the process that got a request.
    pub(crate) fn last_start(&self, exchange: &Exchange) -> Option<&Started> {
        let there = self.started.iter().filter(|start| start.place == exchange.place && start.at <= exchange.at);
        there.max_by_key(|start| start.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::Book;
    use crate::payload::{Position, Variant, payload};

    #[test]
    fn only_what_the_other_release_signed_before_counts() {
        let mut book = Book::new();
        let start = |place, release, ms| Started { place, release, at: book.at(ms) };
        book.history.started =
            vec![start(0, Release::This, 0), start(1, Release::Other, 0), start(0, Release::Other, 500)];
        let bytes = |kind, level, content| {
            payload([1; 4], kind, Position { level, round: 0 }, Variant { content, ..Variant::default() })
        };
        let signed = || Answer::Signed("sig".into());
        let refused = || Answer::NotSigned { status: 409, reason: "already signed with different data".into() };
        let below = || Answer::NotSigned { status: 409, reason: "below the high watermark".into() };
        let (block, vote) = (Kind::Block, Kind::Attestation);
        for (place, ms, bytes, answer) in [
            (0, 100, bytes(block, 5, 1), signed()),
            (1, 200, bytes(block, 5, 1), signed()),
            // Both have signed it by now.
            (1, 300, bytes(block, 5, 2), refused()),
            (1, 300, bytes(vote, 5, 1), signed()),
            (0, 400, bytes(vote, 5, 2), refused()),
            (0, 410, bytes(vote, 5, 2), below()),
            // The place has changed its release.
            (0, 600, bytes(vote, 5, 2), refused()),
        ] {
            book.exchange(0, &bytes, (ms, ms + 10), answer).place = place;
        }
        let counts = SideBySide::of(&book.history);
        let this = OfRelease { signed: 1, refused_after_other: 1, ..OfRelease::default() };
        let other = OfRelease { changes: 1, signed: 2, blocks_of_other: 1, ..OfRelease::default() };
        assert_eq!((counts.this, counts.other), (this, other));
        assert_eq!(counts.lacking().count(), 3 + 2);
    }
}
