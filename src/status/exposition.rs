//! Reads Prometheus's text format, as far as `METRICS_LISTEN` serves it.

use std::collections::BTreeMap;

/// One value of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Sample {
    /// The value of a label; empty if the series does not have it.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// All samples. A line that is not a sample is an error, with the line.
pub(super) fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| sample(line).ok_or_else(|| format!("not a line of Prometheus's format: {line}"))).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' ', '\t'])?;
    let (name, mut rest) = line.split_at_checked(end)?;
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.trim_start();
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once('=')?;
            let (text, after) = quoted(value)?;
            labels.insert(label.trim().to_owned(), text);
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rest = rest.strip_prefix('}')?;
    }
    // A timestamp may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// A quoted text without its escapes, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start().strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                escaped => escaped,
            }),
            plain => value.push(plain),
        }
    }
    None
}

/// The smallest bound of a histogram's buckets that at least this share of its values does not exceed; infinite if that is the last
/// bucket. `None` without values. Buckets of several series are added up.
pub(super) fn quantile_bound<'a>(buckets: impl Iterator<Item = &'a Sample>, share: f64) -> Option<f64> {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for bucket in buckets {
        let bound = bucket.label("le").parse::<f64>().ok()?;
        match sums.iter_mut().find(|(other, _)| other.total_cmp(&bound).is_eq()) {
            Some((_, sum)) => *sum += bucket.value,
            None => sums.push((bound, bucket.value)),
        }
    }
    sums.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (_, count) = *sums.last()?;
    sums.iter().find(|(_, below)| count > 0.0 && *below >= share * count).map(|(bound, _)| *bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_labels_and_escapes() {
        let text = "# HELP a b\n\na 1\nb{} 2.5e3 1700000000\nc{x=\"1\",y=\"a\\\"b\\\\c\\nd, {e}\",} +Inf\n";
        let read = parse(text).unwrap();
        let labels: Vec<Vec<_>> = read.iter().map(|sample| sample.labels.clone().into_values().collect()).collect();
        assert_eq!(labels, [vec![], vec![], vec!["1".to_owned(), "a\"b\\c\nd, {e}".to_owned()]]);
        let values: Vec<_> = read.iter().map(|sample| (sample.name.as_str(), sample.value)).collect();
        assert_eq!(values, [("a", 1.0), ("b", 2500.0), ("c", f64::INFINITY)]);
        for line in ["<html>", "a", "a{x=\"1\" 1", "a{x=1} 1", "a{x=\"1} 1", "a{x=\"1\"}", "a x"] {
            assert!(parse(line).unwrap_err().contains(line), "{line}");
        }
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let buckets = |counts: &[(&str, u32)]| {
            let lines: Vec<_> = counts.iter().map(|(le, count)| format!("b{{le=\"{le}\"}} {count}")).collect();
            parse(&lines.join("\n")).unwrap()
        };
        for (counts, expected) in [
            (vec![], None),
            (vec![("0.1", 0), ("+Inf", 0)], None),
            (vec![("0.1", 99), ("0.5", 99), ("+Inf", 100)], Some(0.1)),
            (vec![("0.1", 98), ("0.5", 99), ("+Inf", 100)], Some(0.5)),
            (vec![("0.1", 98), ("0.5", 98), ("+Inf", 100)], Some(f64::INFINITY)),
            // Two series.
            (vec![("0.1", 100), ("+Inf", 100), ("0.1", 0), ("+Inf", 2)], Some(f64::INFINITY)),
        ] {
            assert_eq!(quantile_bound(buckets(&counts).iter(), 0.99), expected, "{counts:?}");
        }
    }
}
