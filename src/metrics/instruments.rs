//! The definition of each instrument: its name, unit, labels and description. `docs/monitoring.md` has the same table.

/// The kind of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instrument {
    /// Counts since the start.
    Counter,
    /// A distribution of times.
    Histogram,
    /// A value that may rise and fall.
    Gauge,
}

impl Instrument {
    /// The name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Gauge => "gauge",
        }
    }
}

/// The definition of an instrument.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// The name in OpenTelemetry. Prometheus has `_` in place of `.`, and suffixes for the unit and for counters.
    pub name: &'static str,
    /// Its kind.
    pub instrument: Instrument,
    /// The unit, in UCUM.
    pub unit: &'static str,
    /// The names of its labels. Some are missing where they do not apply.
    pub labels: &'static [&'static str],
    /// What it measures, in Markdown.
    pub description: &'static str,
}

/// Upper bounds of the buckets of histograms, in seconds. Most of them are around the time in which a vote should be signed.
pub(super) const BOUNDARIES: [f64; 17] =
    [0.001, 0.002, 0.005, 0.010, 0.020, 0.030, 0.040, 0.060, 0.080, 0.120, 0.160, 0.250, 0.400, 0.500, 1.0, 2.0, 5.0];

macro_rules! instruments {
    ($($constant:ident: $instrument:ident $name:literal $unit:literal [$($label:literal),*] $description:literal;)*) => {
        $(pub(super) const $constant: Definition = Definition {
            name: $name,
            instrument: Instrument::$instrument,
            unit: $unit,
            labels: &[$($label),*],
            description: $description,
        };)*

        /// All instruments.
        pub const ALL: &[Definition] = &[$($constant),*];
    };
}

instruments! {
    REQUESTS: Counter "signer.requests" "{request}" ["key", "kind", "result", "reason"]
        "Requests to sign, by result; `reason` is the cause of a refusal or failure";
    REQUEST_DURATION: Histogram "signer.request.duration" "s" ["kind", "result"]
        "Time from the end of a request's body to its verdict";
    STAGE_DURATION: Histogram "signer.stage.duration" "s" ["stage"]
        "Time that a request spent in a stage, also if the stage was abandoned";
    ROUNDS_ABOVE_ZERO: Counter "signer.rounds.above_zero" "{request}" ["key", "kind"]
        "Blocks and votes signed at a round above 0";
    REPEATS: Counter "signer.repeats" "{request}" ["source"]
        "Signatures of bytes that had been signed before, by where the answer came from";
    FOREIGN_SIGNATURES: Counter "signer.foreign_signatures" "{signature}" ["key"]
        "Signatures of a key on the chain that were not made here";
    DENUNCIATIONS: Counter "signer.denunciations" "{denunciation}" ["key"]
        "Denunciations of the delegate that a key signs for";
    STORE_CONFLICTS: Counter "signer.store.conflicts" "{write}" []
        "Conditional writes of marks that another writer preceded";
    HEDGES: Counter "signer.service.hedges" "{call}" ["service"]
        "Calls that started while an earlier one for the same result was unanswered";
    RETRIES: Counter "signer.service.retries" "{call}" ["service"]
        "Calls that started after an earlier one for the same result failed";
    THROTTLED: Counter "signer.service.throttled" "{response}" ["service"]
        "Responses 429: the service limits requests";
    DENIED: Counter "signer.service.denied" "{response}" ["service"]
        "Responses 403: the service denies access";
    MARK_LEVEL: Gauge "signer.mark.level" "{level}" ["key", "kind"]
        "Level of the mark, as this instance last saw it, on the chain of the nodes or the last one used";
    MARK_BEHIND_HEAD: Gauge "signer.mark.behind_head" "{level}" ["key", "kind"]
        "Levels from the mark to the head of the chain; negative if the mark is ahead";
    SIGNATURE_LEVEL: Gauge "signer.signature.level" "{level}" ["key", "kind"]
        "Level at which this instance last signed a block or a vote";
    SIGNATURE_AGE: Gauge "signer.signature.age" "s" ["key", "kind"]
        "Time since this instance last signed a block or a vote";
    KEYS: Gauge "signer.keys" "{key}" ["state"]
        "Keys of the vault, by state";
    TOKEN_LIFETIME: Gauge "signer.token.lifetime" "s" ["scope"]
        "Time until the access token expires; 0 if there is none";
    DUTIES: Counter "signer.duties" "{duty}" ["key", "kind", "outcome"]
        "Votes and blocks that a key had the right to, once the block that should show them is final";
    DUTIES_OF_CYCLE: Gauge "signer.participation.duties" "{duty}" ["key", "kind", "outcome"]
        "The same in the current cycle, as far as this process has followed it";
    MISSED_SLOTS: Gauge "signer.participation.missed" "{slot}" ["key"]
        "Attestation slots that the delegate has missed in this cycle, as the protocol counts them";
    REMAINING_SLOTS: Gauge "signer.participation.remaining" "{slot}" ["key"]
        "Slots that the delegate may still miss in this cycle before it loses the reward for attesting";
    HEAD_LEVEL: Gauge "signer.head.level" "{level}" []
        "Level of the head of the chain, as the nodes report it";
    HEAD_AGE: Gauge "signer.head.age" "s" []
        "Time since a node last reported the head";
    CONNECTIONS: Gauge "signer.connections" "{connection}" []
        "Open connections of clients";
    UPSTREAM_REQUESTS: Counter "relay.upstream.requests" "{request}" ["upstream"]
        "Requests sent to an upstream with a credential";
    UPSTREAM_WINS: Counter "relay.upstream.wins" "{request}" ["upstream"]
        "Requests whose reply became the answer";
    UPSTREAM_HEDGES: Counter "relay.upstream.hedges" "{request}" ["upstream"]
        "Requests sent while another one for the same bytes was in flight";
    UPSTREAM_ERRORS: Counter "relay.upstream.errors" "{error}" ["upstream"]
        "Failures of an upstream";
    UPSTREAM_PROBES: Counter "relay.upstream.probes" "{request}" ["upstream"]
        "Requests without a credential, which measure the round trip";
    UPSTREAM_ROUND_TRIP: Gauge "relay.upstream.round_trip" "s" ["upstream"]
        "Duration of the last probe";
    RELAY_CONNECTIONS: Gauge "relay.connections" "{connection}" []
        "Open connections of clients";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_has_the_table() {
        let rows = ALL.iter().map(|Definition { name, instrument, unit, labels, description }| {
            let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
            format!("| `{name}` | {} | {unit} | {} | {description} |", instrument.name(), labels.join(", "))
                .replace("|  |", "| |")
        });
        let guide = include_str!("../../docs/monitoring.md");
        let (_, table) =
            guide.split_once("| metric | type | unit | labels | |\n| --- | --- | --- | --- | --- |\n").unwrap();
        let listed: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
        assert_eq!(listed, rows.collect::<Vec<_>>());
    }

    #[test]
    fn names_are_unique_and_follow_the_conventions() {
        for (index, definition) in ALL.iter().enumerate() {
            assert!(ALL.iter().skip(index + 1).all(|other| other.name != definition.name), "{}", definition.name);
            let is_allowed = |c: char| c.is_ascii_lowercase() || c == '.' || c == '_';
            assert!(definition.name.chars().all(is_allowed), "{}", definition.name);
            let is_annotated = definition.unit.starts_with('{') && definition.unit.ends_with('}');
            assert!(definition.unit == "s" || is_annotated, "{}: {}", definition.name, definition.unit);
        }
    }
}
