//! Invariant 9: secrets in logs.

use super::{Invariant, Violation};
use crate::history::History;
use aho_corasick::AhoCorasick;

pub(super) fn violations(history: &History) -> Vec<Violation> {
    let violation = |what| Violation { invariant: Invariant::SecretsStayOutOfSight, slot: None, what };
    let found = match AhoCorasick::new(history.secrets.iter().map(|secret| &secret.text)) {
        Ok(found) => found,
        Err(error) => return vec![violation(format!("cannot search the logs: {error}"))],
    };
    let lines = history.lines.iter().filter_map(|line| {
        let secret = history.secrets.get(found.find(&*line.text)?.pattern().as_usize())?;
        Some(violation(format!("{} logged {}: {}", history.name(line.place), secret.name, line.text)))
    });
    lines.collect()
}
