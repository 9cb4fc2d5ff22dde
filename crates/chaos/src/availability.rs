//! Availability: the share of an honest baker's requests that was signed, outside outages.

use crate::history::{Answer, Exchange, History, Stretch};
use crate::weather::MOVE;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// How long a restarted signer may take to find its keys and its store.
const COLD_START: Duration = Duration::from_secs(8);

/// Minimum percentage of requests outside outages that must be signed.
pub(crate) const MIN_PERCENT: f64 = 99.5;

/// The requests that count and those of them that were signed, by spell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Availability {
    by_spell: BTreeMap<&'static str, Share>,
    /// Requests that count but were not signed, one line each.
    pub(crate) lost: Vec<String>,
    /// Time from a move of the write region after which every request was signed.
    pub(crate) failover: Duration,
}

/// Signed requests out of all that count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) wanted: u64,
    pub(crate) signed: u64,
}

impl Share {
    pub(crate) fn add(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.signed += other.signed;
    }

    /// In percent; 100 if there were no requests.
    #[allow(clippy::cast_precision_loss, reason = "the number of requests is small")]
    pub(crate) fn percent(self) -> f64 {
        if self.wanted == 0 { 100.0 } else { self.signed as f64 * 100.0 / self.wanted as f64 }
    }
}

impl Availability {
    /// Computes it for the bakers that have their own keys and send each request once.
    ///
    /// A request counts if no outage overlaps the time from its start to its deadline, and its signer was not just started,
    /// regardless of its outcome.
    pub(crate) fn of(history: &History) -> Self {
        let mut availability = Self::default();
        let mut seen = HashSet::new();
        for exchange in history.exchanges.iter().filter(|exchange| history.honest.contains(&exchange.key)) {
            // Only a flood sends a request again.
            if !seen.insert((&exchange.key, &exchange.payload)) {
                continue;
            }
            let is_signed = matches!(exchange.answer, Answer::Signed(_));
            if let Some(after) = after_move(history, exchange).filter(|_| !is_signed) {
                availability.failover = availability.failover.max(after);
            }
            let Some(spell) = counts_in(history, exchange) else { continue };
            availability.by_spell.entry(spell).or_default().add(Share { wanted: 1, signed: u64::from(is_signed) });
            if !is_signed {
                let at = exchange.at.saturating_duration_since(history.start).as_secs_f64();
                let took = exchange.until.saturating_duration_since(exchange.at).as_secs_f64();
                let (place, answer) = (exchange.place, &exchange.answer);
                availability.lost.push(format!("{at:9.4} s, {spell}: signer {place} after {took:.4} s: {answer:?}"));
            }
        }
        availability
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (spell, share) in other.by_spell {
            self.by_spell.entry(spell).or_default().add(share);
        }
        self.lost.extend(other.lost);
        self.failover = self.failover.max(other.failover);
    }

    /// All spells together.
    pub(crate) fn total(&self) -> Share {
        self.by_spell.values().fold(Share::default(), |mut sum, share| {
            sum.add(*share);
            sum
        })
    }

    /// Each kind of spell separately.
    pub(crate) fn by_spell(&self) -> impl Iterator<Item = (&'static str, Share)> {
        self.by_spell.iter().map(|(spell, share)| (*spell, *share))
    }

    /// Whether enough requests were signed in each kind of spell.
    pub(crate) fn is_enough(&self) -> bool {
        self.by_spell.values().all(|share| share.percent() > MIN_PERCENT)
    }
}

/// Time from the last move of the write region to the request, if it was sent before the end of the spells.
fn after_move(history: &History, exchange: &Exchange) -> Option<Duration> {
    let before = |spell: &&Stretch| spell.from <= exchange.at;
    let end = history.spells.last()?.to;
    let moved = history.spells.iter().rfind(|spell| spell.name == MOVE).filter(before)?;
    (exchange.at < end).then(|| exchange.at - moved.from)
}

/// The name of the spell in which the request counts, if it does.
fn counts_in(history: &History, exchange: &Exchange) -> Option<&'static str> {
    let deadline = exchange.at + history.deadline;
    let spell = history.spells.iter().find(|spell| (spell.from..spell.to).contains(&exchange.at))?;
    let meets = |outage: &Stretch| {
        outage.recovery.is_some_and(|recovery| outage.from <= deadline && exchange.at <= outage.to + recovery)
    };
    let meets_outage = history.spells.iter().any(meets);
    let mut starts = history.down.iter().filter(|down| down.place == exchange.place);
    let is_cold = starts.any(|down| down.from <= deadline && exchange.at <= down.to + COLD_START);
    (!meets_outage && !is_cold).then_some(spell.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Span;
    use crate::judge::tests::{Book, failed};

    /// 20 s of calm, 5 s of an outage, 20 s of calm. Signer 1 is restarted at 10 s.
    fn book() -> Book {
        let mut book = Book::new();
        let stretch = |book: &Book, from, to, name, recovery| {
            let (from, to) = (book.at(from), book.at(to));
            Stretch { from, to, name, recovery }
        };
        book.history.spells = vec![
            stretch(&book, 0, 20_000, "calm", None),
            stretch(&book, 20_000, 25_000, "brown-out", Some(Duration::from_secs(1))),
            stretch(&book, 25_000, 45_000, "slow", None),
        ];
        book.history.down.push(Span { place: 1, from: book.at(9_000), to: book.at(10_000) });
        book.history.honest = book.keys.iter().map(|key| std::sync::Arc::clone(&key.address)).collect();
        book
    }

    /// The spell in which a request to signer 0 or 1 counts that begins this many milliseconds from the start.
    fn counts(at: u64, place: usize) -> Option<&'static str> {
        let mut book = book();
        book.exchange(0, &[u8::try_from(place).unwrap()], (at, at + 10), failed()).place = place;
        let availability = Availability::of(&book.history);
        let [(spell, share)] = availability.by_spell().collect::<Vec<_>>()[..] else { return None };
        assert_eq!(share, Share { wanted: 1, signed: 0 });
        Some(spell)
    }

    #[test]
    fn requests_count_if_they_are_clear_of_outages() {
        // The deadline is one second.
        for (at, place, expected) in [
            (18_900, 0, Some("calm")),
            (19_100, 0, None),
            (22_000, 0, None),
            (25_900, 0, None),
            (26_100, 0, Some("slow")),
            (46_000, 0, None),
            (7_900, 1, Some("calm")),
            (8_100, 1, None),
            (17_900, 1, None),
            (18_100, 1, Some("calm")),
            (8_100, 0, Some("calm")),
        ] {
            assert_eq!(counts(at, place), expected, "{at} {place}");
        }
    }

    #[test]
    fn a_repeat_counts_once_and_unsigned_requests_count() {
        let mut book = book();
        let signed = || Answer::Signed("sig".into());
        for (payload, answer) in [(1, signed()), (1, failed()), (2, failed()), (3, signed())] {
            book.exchange(0, &[payload], (1_000, 1_010), answer);
        }
        let availability = Availability::of(&book.history);
        assert_eq!(availability.total(), Share { wanted: 3, signed: 2 });
        assert_eq!(availability.lost.len(), 1);
        assert!(!availability.is_enough());
    }

    #[test]
    fn the_last_failure_after_a_move_determines_the_failover_time() {
        let mut book = book();
        book.history.spells[1].name = MOVE;
        for (at, answer) in
            [(19_000_u64, failed()), (21_500, failed()), (22_000, Answer::Signed("sig".into())), (46_000, failed())]
        {
            book.exchange(0, &at.to_be_bytes(), (at, at + 10), answer);
        }
        assert_eq!(Availability::of(&book.history).failover, Duration::from_millis(1_500));
    }

    #[test]
    fn one_kind_of_spell_does_not_compensate_for_another() {
        let shares =
            [("calm", Share { wanted: 100_000, signed: 100_000 }), ("slow", Share { wanted: 100, signed: 99 })];
        let availability = Availability { by_spell: shares.into(), ..Availability::default() };
        assert!(availability.total().percent() > MIN_PERCENT && !availability.is_enough());
    }
}
