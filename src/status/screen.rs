//! The status as text, for a terminal of any width.

use super::{Condition, Instance, Mark, Node, SealedKeys, State, Status, Store, Summary, Upstream, Vault};
use std::fmt::Write;
use std::time::Duration;

/// One thing on the screen.
struct Row {
    state: Option<State>,
    subject: String,
    text: String,
}

/// The column in which subjects begin.
const INDENT: usize = 11;

/// The screen. Lines are wrapped at `width` columns, if there is one.
pub fn text(status: &Status, width: Option<usize>) -> String {
    let mut text = String::new();
    let time = status.time.replace('T', " ");
    let time = time.split(['.', 'Z']).next().unwrap_or_default();
    wrap(
        &mut text,
        0,
        &format!("azurehsm-signer {}  {time} UTC  {}", status.version, headline(status.summary())),
        width,
    );
    let sections = [
        ("Vault", vec![vault(&status.vault)]),
        ("Sealed keys", status.sealed_keys.iter().map(sealed_keys).collect()),
        ("Mark store", vec![store(&status.store)]),
        ("Nodes", or_none(status.nodes.iter().map(node), "none: NODE_URLS is not set")),
        (
            "Instances",
            or_none(status.instances.iter().flat_map(instance), "not read: give their addresses with --instance"),
        ),
        ("Marks", marks(status)),
    ];
    for (title, rows) in sections.into_iter().filter(|(_, rows)| !rows.is_empty()) {
        text.push('\n');
        text.push_str(title);
        text.push('\n');
        let widest = rows.iter().map(|row| row.subject.chars().count()).max().unwrap_or_default();
        for row in rows {
            row.write(&mut text, widest, width);
        }
    }
    text
}

fn headline(Summary { problems, unknown }: Summary) -> String {
    let problems = match problems {
        0 => None,
        1 => Some("1 PROBLEM".to_owned()),
        problems => Some(format!("{problems} PROBLEMS")),
    };
    let unknown = (unknown > 0).then(|| format!("{unknown} unknown"));
    let all: Vec<_> = problems.into_iter().chain(unknown).collect();
    if all.is_empty() { "all ok".to_owned() } else { all.join(", ") }
}

impl Row {
    fn new(condition: &Condition, subject: &str, facts: impl IntoIterator<Item = String>) -> Self {
        let reason = condition.reason.iter().cloned();
        let text: Vec<_> = reason.chain(facts).filter(|fact| !fact.is_empty()).collect();
        Self { state: Some(condition.state), subject: subject.to_owned(), text: text.join(", ") }
    }

    /// On one line if it fits, and otherwise with the text below the subject.
    fn write(&self, text: &mut String, widest: usize, width: Option<usize>) {
        let state = match self.state {
            None => "",
            Some(State::Ok) => "ok",
            Some(State::Warning) => "WARNING",
            Some(State::Failed) => "FAILED",
            Some(State::Unknown) => "unknown",
        };
        let Self { subject, text: facts, .. } = self;
        let line = format!("  {state:<7}  {subject:<widest$}  {facts}");
        if width.is_none_or(|width| line.chars().count() <= width) {
            text.push_str(line.trim_end());
            text.push('\n');
            return;
        }
        wrap(text, INDENT, &format!("  {state:<7}  {subject}"), width);
        wrap(text, INDENT, &format!("{:INDENT$}{facts}", ""), width);
    }
}

/// Appends a line, with breaks between words, and indents what follows a break. A word that is longer than the line is cut.
fn wrap(text: &mut String, indent: usize, line: &str, width: Option<usize>) {
    let Some(width) = width.map(|width| width.max(indent + 10)).filter(|width| line.chars().count() > *width) else {
        text.push_str(line);
        text.push('\n');
        return;
    };
    let start = line.len() - line.trim_start().len();
    let mut current = " ".repeat(start);
    let mut is_empty = true;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        // The state is padded to a column.
        if current.chars().count() < indent && !is_empty {
            current.push_str(&" ".repeat(indent - current.chars().count()));
        } else if !is_empty {
            if current.chars().count() + 1 + word.chars().count() > width {
                text.push_str(&current);
                text.push('\n');
                current = " ".repeat(indent);
            } else {
                current.push(' ');
            }
        }
        current.extend(shortened(word, width - current.chars().count().min(width)));
        is_empty = false;
    }
    text.push_str(&current);
    text.push('\n');
}

/// A word of at most this many characters; what is missing is shown as `…`.
fn shortened(word: &str, most: usize) -> impl Iterator<Item = char> {
    let is_long = word.chars().count() > most;
    word.chars().take(if is_long { most.saturating_sub(1) } else { most }).chain(is_long.then_some('…'))
}

fn or_none(rows: impl Iterator<Item = Row>, none: &str) -> Vec<Row> {
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() { vec![Row { state: None, subject: none.to_owned(), text: String::new() }] } else { rows }
}

fn vault(vault: &Vault) -> Row {
    let keys = vault.usable_keys.map(|keys| match keys {
        1 => "1 key can sign".to_owned(),
        keys => format!("{keys} keys can sign"),
    });
    let idle = vault.unusable_keys.filter(|keys| *keys > 0).map(|keys| format!("{keys} cannot now"));
    Row::new(&vault.condition, &vault.address, keys.into_iter().chain(idle))
}

fn sealed_keys(sealed: &SealedKeys) -> Row {
    let keys = sealed.keys.map(|keys| match keys {
        1 => "1 key".to_owned(),
        keys => format!("{keys} keys"),
    });
    Row::new(&sealed.condition, &sealed.address, keys)
}

fn store(store: &Store) -> Row {
    let consistency = store.consistency.iter().map(|level| format!("{level} consistency"));
    let region = store.write_region.iter().map(|region| format!("writes in {region}"));
    Row::new(&store.condition, &store.address, consistency.chain(region))
}

fn node(node: &Node) -> Row {
    let level = node.level.iter().map(|level| format!("level {level}"));
    let age = node.head_age_seconds.iter().map(|age| format!("head {} old", seconds(*age)));
    Row::new(&node.condition, &node.address, level.chain(age))
}

/// The instance, and its upstreams.
fn instance(instance: &Instance) -> Vec<Row> {
    let mut who = instance.name.clone().unwrap_or_default();
    if let Some(version) = &instance.version {
        _ = write!(who, " {version}");
    }
    let counts = [(instance.signed, "signed"), (instance.refused, "refused"), (instance.failed, "failed")];
    let counts = counts.into_iter().filter_map(|(count, what)| Some(format!("{} {what}", count?)));
    let last = match (instance.last_signature_seconds_ago, instance.signed) {
        (Some(ago), _) => format!("last signature {} ago", seconds_f64(ago)),
        (None, Some(_)) => "no block or vote yet".to_owned(),
        (None, None) => String::new(),
    };
    let p99 = match (instance.p99_seconds_at_most, instance.last_signature_seconds_ago) {
        (Some(bound), _) => format!("99 % within {} ms", bound * 1000.0),
        // There are signatures, and they took longer than the last bucket, or all of them were repeats.
        (None, Some(_)) => "99 % unknown".to_owned(),
        (None, None) => String::new(),
    };
    let facts = std::iter::once(who.trim().to_owned()).chain(counts).chain([last, p99]);
    let row = Row::new(&instance.condition, &instance.address, facts);
    std::iter::once(row).chain(instance.upstreams.iter().map(upstream)).collect()
}

fn upstream(upstream: &Upstream) -> Row {
    let Upstream { address, requests, wins, errors, round_trip_seconds } = upstream;
    let round_trip = round_trip_seconds.map(|time| format!(", round trip {:.0} ms", time * 1000.0)).unwrap_or_default();
    Row {
        state: None,
        subject: format!("→ {address}"),
        text: format!("{requests} requests, {wins} answers used, {errors} errors{round_trip}"),
    }
}

fn marks(status: &Status) -> Vec<Row> {
    let marks = &status.marks;
    let mut rows = Vec::new();
    if marks.condition.state != State::Ok {
        rows.push(Row::new(&marks.condition, "", None));
    }
    rows.extend(marks.list.iter().map(mark));
    or_none(rows.into_iter(), "none yet")
}

fn mark(mark: &Mark) -> Row {
    let subject = format!("{} {}", mark.key, mark.kind);
    let on = mark.network.map_or_else(|| mark.chain.clone(), str::to_owned);
    let position = match (mark.level, mark.round) {
        (Some(level), Some(0)) => format!("{on} level {level}"),
        (Some(level), Some(round)) => format!("{on} level {level}, round {round}"),
        _ => on,
    };
    let behind = match mark.levels_behind_head {
        None => String::new(),
        Some(0) => "at the head".to_owned(),
        Some(behind) if behind < 0 => format!("{} ahead of the head", behind.unsigned_abs()),
        Some(behind) => format!("{behind} behind the head"),
    };
    let by = mark.written_by.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
    let written = mark.written_seconds_ago.map(|ago| format!("{} ago{by}", seconds(ago))).unwrap_or_default();
    Row::new(&mark.condition, &subject, [position, behind, written])
}

/// A number of seconds in the unit that a reader would use.
fn seconds(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn seconds_f64(time: f64) -> String {
    let time = Duration::try_from_secs_f64(time).unwrap_or_default();
    seconds(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::Marks;
    use super::*;

    fn status() -> Status {
        Status {
            version: "1.2.3",
            time: "2026-11-30T06:01:12.123Z".to_owned(),
            vault: Vault {
                address: "https://v/".to_owned(),
                condition: Condition::OK,
                usable_keys: Some(2),
                unusable_keys: Some(1),
            },
            sealed_keys: Some(SealedKeys {
                address: "a/signer/keys".to_owned(),
                condition: Condition::OK,
                keys: Some(1),
            }),
            store: Store {
                address: "a/signer/marks".to_owned(),
                condition: Condition::OK,
                consistency: Some("Strong".to_owned()),
                write_region: Some("West Europe".to_owned()),
            },
            nodes: vec![Node {
                address: "http://n".to_owned(),
                condition: Condition::of(State::Warning, "78 levels behind"),
                chain: Some("NetXdQprcVkpaWU".to_owned()),
                level: Some(1000),
                head_age_seconds: Some(200),
                levels_behind: Some(78),
            }],
            instances: vec![
                Instance {
                    service: Some("azurehsm-signer".to_owned()),
                    name: Some("one-1".to_owned()),
                    version: Some("0.1.0".to_owned()),
                    condition: Condition::OK,
                    signed: Some(12),
                    refused: Some(1),
                    failed: Some(0),
                    p99_seconds_at_most: Some(0.04),
                    last_signature_seconds_ago: Some(6.4),
                    ..Instance::unknown("a:1", "")
                },
                Instance::unknown("b:1", "connection refused"),
            ],
            marks: Marks {
                condition: Condition::OK,
                list: vec![Mark {
                    key: "tz3aaa".to_owned(),
                    chain: "NetXdQprcVkpaWU".to_owned(),
                    network: Some("mainnet"),
                    kind: "attestation",
                    condition: Condition::OK,
                    level: Some(999),
                    round: Some(1),
                    levels_behind_head: Some(1),
                    written_seconds_ago: Some(7),
                    written_by: Some("one-1".to_owned()),
                }],
            },
        }
    }

    #[test]
    fn a_wide_screen_has_one_line_for_each_thing() {
        let expected = "\
azurehsm-signer 1.2.3  2026-11-30 06:01:12 UTC  1 PROBLEM, 1 unknown

Vault
  ok       https://v/  2 keys can sign, 1 cannot now

Sealed keys
  ok       a/signer/keys  1 key

Mark store
  ok       a/signer/marks  Strong consistency, writes in West Europe

Nodes
  WARNING  http://n  78 levels behind, level 1000, head 3 min old

Instances
  ok       a:1  one-1 0.1.0, 12 signed, 1 refused, 0 failed, last signature 6 s ago, 99 % within 40 ms
  unknown  b:1  connection refused

Marks
  ok       tz3aaa attestation  mainnet level 999, round 1, 1 behind the head, 7 s ago by one-1
";
        assert_eq!(text(&status(), None), expected);
        assert_eq!(text(&status(), Some(120)), expected);
    }

    #[test]
    fn no_line_of_a_narrow_screen_is_too_long_and_no_word_is_lost() {
        let mut status = status();
        status.vault.condition = Condition::unknown("no answer within 5 s");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for width in [30, 40, 60, 80] {
            let narrow = text(&status, Some(width));
            assert!(narrow.lines().all(|line| line.chars().count() <= width), "{width}:\n{narrow}");
            assert_eq!(words(&narrow), words(&text(&status, None)), "{width}:\n{narrow}");
        }
        let narrow = text(&status, Some(40));
        let instance = "\
  ok       a:1
           one-1 0.1.0, 12 signed, 1
           refused, 0 failed, last
           signature 6 s ago, 99 %
           within 40 ms
";
        assert!(narrow.contains(instance), "{narrow}");
        status.vault.address = format!("https://{}", "v".repeat(60));
        let cut = format!("https://{}…", "v".repeat(20));
        assert!(text(&status, Some(40)).lines().any(|line| line.ends_with(&cut)), "{}", text(&status, Some(40)));
    }

    #[test]
    fn what_is_missing_is_said() {
        let mut status = status();
        status.nodes.clear();
        status.instances.clear();
        status.marks = Marks { condition: Condition::unknown("the keys are unknown"), list: Vec::new() };
        let shown = text(&status, None);
        for line in
            ["none: NODE_URLS is not set", "not read: give their addresses with --instance", "the keys are unknown"]
        {
            assert!(shown.contains(line), "{line} in\n{shown}");
        }
        assert!(!shown.contains("none yet"), "{shown}");
        status.marks.condition = Condition::OK;
        assert!(text(&status, None).contains("none yet") && text(&status, None).contains("all ok"));
    }

    #[test]
    fn times_are_in_the_unit_of_their_size() {
        for (time, expected) in
            [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (172_800, "2 days"), (-3, "-3 s")]
        {
            assert_eq!(seconds(time), expected);
        }
    }
}
