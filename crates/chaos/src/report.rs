//! The figures of a run.

use crate::availability::Availability;
use crate::drills::DrillFigures;
use crate::history::{Answer, History};
use crate::outcome::Happened;
use crate::served::Served;
use crate::setup::Programs;
use crate::side_by_side::{OfRelease, SideBySide};
use crate::stop_figures::StopFigures;
use stand_ins::Operation;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::time::Duration;

/// All figures of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    seed: u64,
    parts: u64,
    length: Duration,
    has_clocks: bool,
    /// If two releases run.
    side_by_side: Option<SideBySide>,
    requests: u64,
    slots: u64,
    signed: u64,
    repeats: u64,
    refused: BTreeMap<&'static str, u64>,
    failed: BTreeMap<String, u64>,
    unanswered: u64,
    stored: u64,
    created: u64,
    lines: u64,
    waits: Vec<Duration>,
    spells: BTreeMap<&'static str, Duration>,
    pub(crate) availability: Availability,
    pub(crate) served: Served,
    happened: Happened,
    stops: StopFigures,
    drills: Vec<DrillFigures>,
    pub(crate) violations: u64,
}

/// Labels for causes, by text that the reason contains.
const CAUSES: [(&str, &str); 11] = [
    ("(stop ", "key stopped"),
    ("the body did not arrive within", "signer paused before the body was read"),
    ("is not known yet", "keys not known yet"),
    ("deadline", "deadline exceeded"),
    ("wrong signature", "wrong signature from the vault"),
    ("mark store", "mark store unavailable"),
    ("the vault cannot be used now", "vault unavailable"),
    ("the vault cannot do this", "vault refused"),
    ("not in the vault", "no such key in the vault"),
    ("below the high watermark", "below the mark"),
    ("already signed with different data", "other data at the mark"),
];

impl Figures {
    pub(crate) fn new(seed: u64, length: Duration, programs: &Programs) -> Self {
        let has_clocks = programs.with_clock.is_some();
        let side_by_side = programs.other.as_ref().map(|_| SideBySide::default());
        Self { seed, length, has_clocks, side_by_side, ..Self::default() }
    }

    /// Adds a season.
    pub(crate) fn add(&mut self, history: &History, happened: Happened, violations: usize) {
        self.parts += u64::from(history.container_loss.is_some());
        self.violations += violations as u64;
        self.requests += history.exchanges.len() as u64;
        self.stored += history.stored.len() as u64;
        self.created += history.stored.iter().filter(|stored| stored.is_created).count() as u64;
        self.lines += history.lines.len() as u64;
        let slots: HashSet<_> = history.stored.iter().map(|stored| (&stored.id, stored.position)).collect();
        self.slots += slots.len() as u64;
        let mut signed = HashSet::new();
        for exchange in &history.exchanges {
            match &exchange.answer {
                Answer::Signed(_) if signed.insert((&exchange.key, &exchange.payload)) => self.signed += 1,
                Answer::Signed(_) => self.repeats += 1,
                Answer::NotSigned { status: 409, reason } => {
                    *self.refused.entry(cause(reason).unwrap_or("other")).or_default() += 1;
                }
                Answer::NotSigned { status, reason } => {
                    let cause = cause(reason).map_or_else(|| format!("{status}: {reason}"), str::to_owned);
                    *self.failed.entry(cause).or_default() += 1;
                }
                Answer::Unreadable { status, .. } => {
                    *self.failed.entry(format!("{status}, unreadable")).or_default() += 1;
                }
                Answer::None { .. } => self.unanswered += 1,
            }
            if !matches!(exchange.answer, Answer::None { .. }) {
                self.waits.push(exchange.until - exchange.at);
            }
        }
        self.waits.sort_unstable();
        self.availability.add(Availability::of(history));
        self.served.add(Served::of(history));
        self.stops.add(StopFigures::of(history));
        if let Some(side_by_side) = &mut self.side_by_side {
            side_by_side.add(SideBySide::of(history));
        }
        for spell in &history.spells {
            *self.spells.entry(spell.name).or_default() += spell.to - spell.from;
        }
        let sum = &mut self.happened;
        for (what, number) in happened.faults {
            *sum.faults.entry(what).or_default() += number;
        }
        sum.kills += happened.kills;
        sum.pauses += happened.pauses;
        sum.relay_kills += happened.relay_kills;
        sum.relay_pauses += happened.relay_pauses;
        sum.jumps += happened.jumps;
        sum.jumps_seen += happened.jumps_seen;
        sum.outages += happened.outages;
        sum.relay_stats.add(happened.relay_stats);
        sum.relay_stats.waits.sort_unstable();
        if happened.recovery.took > sum.recovery.took {
            sum.recovery = happened.recovery;
        }
    }

    /// Adds a drill.
    pub(crate) fn add_drill(&mut self, figures: DrillFigures, violations: usize) {
        self.drills.push(figures);
        self.violations += violations as u64;
    }

    fn rows_of_stops(&self) -> Vec<(&'static str, String)> {
        let StopFigures { took, held, killed, failed, resumes, races, .. } = &self.stops;
        let ended = format!("{}, {killed} commands killed, {failed} failed and were repeated", took.len());
        vec![
            ("stops of keys", ended),
            ("  took", quantiles(took)),
            ("  held", format!("{held}, and {races} were lifted by a resume that had begun before; {resumes} resumes")),
            ("  after a stop that held", self.stops.after()),
        ]
    }

    /// What did not happen often enough for the run to be meaningful.
    pub(crate) fn lacking(&self) -> Vec<String> {
        let Happened { kills, pauses, relay_kills, relay_pauses, jumps_seen, .. } = self.happened;
        let meets = |wanted| self.happened.faults.keys().any(|(operation, _)| *operation == wanted);
        let waits_in = |wanted| self.availability.by_spell().any(|(spell, _)| spell == wanted);
        [
            (self.signed > 0, "signatures"),
            (self.repeats > 0, "signed repeats"),
            (!self.refused.is_empty(), "refusals"),
            (!self.failed.is_empty(), "failures"),
            (kills > 0, "kills"),
            (pauses > 0, "pauses"),
            (!self.has_clocks || jumps_seen > 0, "clock jumps"),
            (relay_kills > 0, "kills of relays"),
            (relay_pauses > 0, "pauses of relays"),
            (self.served.share.wanted > 0, "requests through relays"),
            (self.served.has_other_store, "app in front of another mark store"),
            (waits_in("calm"), "honest baker in the calm"),
            (waits_in("slow"), "honest baker with slow services"),
            (waits_in("flood"), "honest baker in a flood"),
            (waits_in("after the move"), "honest baker after a move of the write region"),
            (self.drills.iter().any(DrillFigures::had_requests_after_a_restore), "requests after a restore"),
            (self.drills.iter().any(DrillFigures::had_sealed_keys), "sealed keys that signed, refused and met faults"),
            (self.stops.held > 0 && self.stops.refused > 0, "stops that held"),
            (self.stops.resumes > 0, "resumes"),
            (self.stops.killed > 0, "killed stops"),
            (meets(Operation::Token), "faults of token requests"),
            (meets(Operation::Sign), "faults of signatures"),
            (meets(Operation::ReadItem), "faults of reads"),
            (meets(Operation::CreateItem), "faults of creates"),
            (meets(Operation::ReplaceItem), "faults of replaces"),
        ]
        .into_iter()
        .filter(|(has, _)| !has)
        .map(|(_, what)| what.to_owned())
        .chain(self.side_by_side.iter().flat_map(SideBySide::lacking))
        .collect()
    }

    fn faults(&self) -> u64 {
        self.happened.faults.values().sum()
    }

    /// The summary line.
    pub(crate) fn summary(&self) -> String {
        format!(
            "chaos: {} violation{} in {} requests, {} faults survived, {} kills, availability {:.2} %, through relays {:.2} % (seed {})",
            thousands(self.violations),
            if self.violations == 1 { "" } else { "s" },
            thousands(self.requests),
            thousands(self.faults()),
            thousands(self.happened.kills),
            self.availability.total().percent(),
            self.served.share.percent(),
            self.seed
        )
    }
}

fn cause(reason: &str) -> Option<&'static str> {
    CAUSES.iter().find_map(|(part, cause)| reason.contains(part).then_some(*cause))
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, value: String| writeln!(f, "{name:<28}{value}");
        let Happened { kills, pauses, jumps, jumps_seen, outages, relay_stats, recovery, .. } = &self.happened;
        row(f, "seed", self.seed.to_string())?;
        let seconds = self.length.as_secs();
        let last = self.seed.wrapping_add(self.parts.saturating_sub(1));
        row(f, "time", format!("{seconds} s in {} part(s), with seeds {} to {last}", self.parts, self.seed))?;
        row(f, "slots with a mark", thousands(self.slots))?;
        row(f, "requests", thousands(self.requests))?;
        row(f, "  signed", thousands(self.signed))?;
        row(f, "  repeats signed", thousands(self.repeats))?;
        for (cause, number) in &self.refused {
            row(f, "  refused", format!("{} {cause}", thousands(*number)))?;
        }
        for (cause, number) in &self.failed {
            row(f, "  failed", format!("{} {cause}", thousands(*number)))?;
        }
        row(f, "  no answer, killed", thousands(self.unanswered))?;
        row(f, "items stored", format!("{}, {} of them new", thousands(self.stored), thousands(self.created)))?;
        row(f, "faults", thousands(self.faults()))?;
        let mut operations = BTreeMap::<String, Vec<(&str, u64)>>::new();
        for ((operation, effect), number) in &self.happened.faults {
            operations.entry(format!("{operation:?}")).or_default().push((effect, *number));
        }
        for (operation, mut effects) in operations {
            effects.sort_unstable();
            let effects: Vec<_> = effects.iter().map(|(effect, number)| format!("{effect} {number}")).collect();
            row(f, &format!("  {operation}"), effects.join(", "))?;
        }
        row(f, "kills", thousands(*kills))?;
        row(f, "pauses", thousands(*pauses))?;
        let jumps = if self.has_clocks {
            format!("{}, of which {} were logged with the new time", thousands(*jumps), thousands(*jumps_seen))
        } else {
            "none: wall clocks did not jump in this run".to_owned()
        };
        row(f, "clock jumps", jumps)?;
        row(f, "outages", format!("{} (connections frozen or refused, tokens revoked)", thousands(*outages)))?;
        let spells: Vec<_> = self.spells.iter().map(|(name, length)| format!("{name} {}", length.as_secs())).collect();
        row(f, "spells, in seconds", spells.join(", "))?;
        let total = self.availability.total();
        row(f, "availability", format!("{:.2} % of {} outside outages", total.percent(), thousands(total.wanted)))?;
        for (spell, share) in self.availability.by_spell() {
            row(f, &format!("  {spell}"), format!("{:.2} % of {}", share.percent(), thousands(share.wanted)))?;
        }
        let failover = match self.availability.failover.as_millis() {
            0 => "no request of an honest baker failed".to_owned(),
            ms => format!("the last failed request was sent {ms} ms after the move"),
        };
        row(f, "failover", failover)?;
        let through_relays = format!(
            "{:.2} % of {} requests were served",
            self.served.share.percent(),
            thousands(self.served.share.wanted)
        );
        row(f, "through relays", through_relays)?;
        row(f, "  kills and pauses", format!("{} and {}", self.happened.relay_kills, self.happened.relay_pauses))?;
        let share = |part: u64| percent(part, relay_stats.wanted);
        row(f, "a baker in the storm", format!("{} signatures requested", thousands(relay_stats.wanted)))?;
        row(f, "  signed at first try", share(relay_stats.at_first))?;
        row(f, "  within 1 s by a relay", share(relay_stats.in_time))?;
        row(f, "  wait", quantiles(&relay_stats.waits))?;
        row(f, "all answers", quantiles(&self.waits))?;
        let recovery = match recovery.took.as_millis() {
            0 => "at once".to_owned(),
            ms => format!("{ms} ms for the slowest ({})", recovery.reason),
        };
        row(f, "recovery after the storm", recovery)?;
        for (name, value) in self.rows_of_stops().into_iter().chain(self.drills.iter().flat_map(DrillFigures::rows)) {
            row(f, name, value)?;
        }
        for (release, of_release) in self.side_by_side.iter().flat_map(SideBySide::by_release) {
            let OfRelease { changes, signed, blocks_of_other, refused_after_other, relayed } = *of_release;
            let [changes, signed, blocks, refused, relayed] =
                [changes, signed, blocks_of_other, refused_after_other, relayed].map(thousands);
            row(f, release.name(), format!("signed {signed}, and {relayed} through its relays"))?;
            row(f, "  restarted into it", changes)?;
            row(f, "  blocks of the other one", format!("{blocks} returned with the stored signature"))?;
            row(f, "  marks of the other one", format!("{refused} refusals of different data"))?;
        }
        row(f, "log lines searched", thousands(self.lines))
    }
}

/// Median, 99th percentile and maximum of sorted durations.
fn quantiles(sorted: &[Duration]) -> String {
    let at = |per_mille: usize| {
        let index = (sorted.len() * per_mille / 1_000).min(sorted.len().saturating_sub(1));
        sorted.get(index).copied().unwrap_or_default().as_millis()
    };
    format!("p50 {} ms, p99 {} ms, max {} ms", at(500), at(990), at(1_000))
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = part * 1_000 / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn numbers_have_thousands_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(percent(999, 1_000), "99.9 %");
        assert_eq!(percent(0, 0), "-");
    }

    #[test]
    fn a_run_in_which_nothing_happened_is_not_meaningful() {
        let lacking = |other: Option<PathBuf>| {
            let programs =
                Programs { signer: PathBuf::new(), with_clock: Some((PathBuf::new(), PathBuf::new())), other };
            Figures::new(1, Duration::ZERO, &programs).lacking().len()
        };
        assert!(lacking(None) >= 12);
        assert_eq!(lacking(Some(PathBuf::new())), lacking(None) + 10);
    }
}
