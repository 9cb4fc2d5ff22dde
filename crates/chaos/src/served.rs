//! Availability through relays: the share of requests that were served, of those that a living relay accepted while one region and
//! the store were well.

use crate::availability::Share;
use crate::history::{Answer, Exchange, History, Span, Stretch};

/// Minimum percentage of requests that must be served.
pub(crate) const MIN_PERCENT: f64 = 99.9;

/// With fewer requests, the percentage means little.
pub(crate) const MIN_REQUESTS: u64 = 1_000;

/// The requests that count, and those of them that were served.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    pub(crate) share: Share,
    /// Requests that count but were not served, one line each.
    pub(crate) lost: Vec<String>,
    /// Whether the relays could reach only a signer with another mark store for a while.
    pub(crate) has_other_store: bool,
}

impl Served {
    /// A request counts if no outage overlaps the time from its start to its deadline, and its relay ran until the answer. It is
    /// served if it is signed, or refused because another baker was first; whether that is true is for the judge to decide.
    pub(crate) fn of(history: &History) -> Self {
        let mut served = Self { has_other_store: history.other_store.is_some(), ..Self::default() };
        for exchange in history.exchanges.iter().filter(|exchange| exchange.place < history.relays) {
            let Some(trouble) = counts_in(history, exchange) else { continue };
            let is_served = matches!(exchange.answer, Answer::Signed(_) | Answer::NotSigned { status: 409, .. });
            served.share.add(Share { wanted: 1, signed: u64::from(is_served) });
            if !is_served {
                let at = exchange.at.saturating_duration_since(history.start).as_secs_f64();
                let took = exchange.until.saturating_duration_since(exchange.at).as_secs_f64();
                let (relay, answer) = (history.name(exchange.place), &exchange.answer);
                served.lost.push(format!("{at:9.4} s, {trouble}: {relay} after {took:.4} s: {answer:?}"));
            }
        }
        served
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.share.add(other.share);
        self.lost.extend(other.lost);
        self.has_other_store |= other.has_other_store;
    }

    /// Whether enough requests were served.
    pub(crate) fn is_enough(&self) -> bool {
        self.share.wanted < MIN_REQUESTS || self.share.percent() >= MIN_PERCENT
    }
}

/// What was wrong when a request was sent, if the request counts.
fn counts_in(history: &History, exchange: &Exchange) -> Option<&'static str> {
    let deadline = exchange.at + history.deadline;
    let stretch = history.spells.iter().find(|stretch| (stretch.from..stretch.to).contains(&exchange.at))?;
    let meets = |outage: &Stretch| {
        outage.recovery.is_some_and(|recovery| outage.from <= deadline && exchange.at <= outage.to + recovery)
    };
    let touches = |spans: &[Span]| {
        spans.iter().any(|span| span.place == exchange.place && span.touches(exchange.at, exchange.until))
    };
    let is_living = !touches(&history.down) && !touches(&history.paused);
    (is_living && !history.spells.iter().any(meets)).then_some(stretch.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::{Book, failed};
    use std::time::Duration;

    #[test]
    fn requests_count_if_their_relay_ran_and_no_outage_was_near() {
        let refused = || Answer::NotSigned { status: 409, reason: "another baker was first".into() };
        let signed = || Answer::Signed("sig".into());
        // The deadline is one second.
        for (at, place, answer, expected) in [
            (11_100, 0, signed(), Some(true)),
            (11_100, 0, refused(), Some(true)),
            (11_100, 0, failed(), Some(false)),
            (11_100, 0, Answer::None { why: "broken".into() }, Some(false)),
            (11_100, 4, failed(), None),
            (9_900, 0, signed(), None),
            (10_900, 0, signed(), None),
            (29_950, 0, failed(), Some(false)),
            (30_050, 0, failed(), None),
            (14_995, 1, failed(), None),
            (15_500, 1, failed(), None),
            (16_050, 1, failed(), Some(false)),
            (15_500, 0, failed(), Some(false)),
            (20_500, 1, failed(), None),
        ] {
            let mut book = Book::new();
            let stretch =
                |from, to, recovery| Stretch { from: book.at(from), to: book.at(to), name: "trouble", recovery };
            let spells = vec![stretch(0, 10_000, Some(Duration::from_secs(1))), stretch(10_000, 30_000, None)];
            let span = |from, to| Span { place: 1, from: book.at(from), to: book.at(to) };
            let (down, paused) = (span(15_000, 16_000), span(20_000, 21_000));
            let history = &mut book.history;
            (history.relays, history.spells) = (4, spells);
            history.down.push(down);
            history.paused.push(paused);
            book.exchange(0, &[1], (at, at + 10), answer.clone()).place = place;
            let served = Served::of(&book.history);
            let expected = expected.map_or(Share::default(), |is_served| Share { wanted: 1, signed: is_served.into() });
            assert_eq!(served.share, expected, "{at} {place} {answer:?}");
        }
    }

    #[test]
    fn one_request_in_a_thousand_may_fail() {
        for (wanted, signed, is_enough) in [(1_000, 999, true), (2_000, 1_997, false), (999, 0, true)] {
            let served = Served { share: Share { wanted, signed }, ..Served::default() };
            assert_eq!(served.is_enough(), is_enough, "{signed} of {wanted}");
        }
    }
}
