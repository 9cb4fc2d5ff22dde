//! Durations as .NET writes them.

use std::time::Duration;

/// Reads `[d.]hh:mm[:ss[.fffffff]]`.
///
/// A number alone would be days, which nobody means: it is refused here.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (days, time) = match text.split_once('.') {
        Some((days, time)) if !days.contains(':') => (number(days, u64::MAX)?, time),
        _ => (0, text),
    };
    let mut parts = time.split(':');
    let (hours, minutes) = (number(parts.next()?, 23)?, number(parts.next()?, 59)?);
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(part) => match part.split_once('.') {
            None => (number(part, 59)?, 0),
            Some((seconds, fraction)) => (number(seconds, 59)?, nanoseconds(fraction)?),
        },
    };
    if parts.next().is_some() {
        return None;
    }
    let whole = days.checked_mul(24)?.checked_add(hours)?.checked_mul(60)?.checked_add(minutes)?;
    Some(Duration::new(whole.checked_mul(60)?.checked_add(seconds)?, fraction))
}

fn number(text: &str, largest: u64) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= largest)
}

fn nanoseconds(digits: &str) -> Option<u32> {
    let length = u32::try_from(digits.len()).ok().filter(|length| (1..=7).contains(length))?;
    let number = u32::try_from(number(digits, 9_999_999)?).ok()?;
    Some(number * 10_u32.pow(9 - length))
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::time::Duration;

    #[test]
    fn it_reads_what_dotnet_writes() {
        let cases = [
            ("00:01:00", Some(Duration::from_mins(1))),
            ("00:00:30", Some(Duration::from_secs(30))),
            ("01:30", Some(Duration::from_mins(90))),
            ("1.00:00:00", Some(Duration::from_hours(24))),
            ("00:00:00.2500000", Some(Duration::from_millis(250))),
            ("00:00:00.25", Some(Duration::from_millis(250))),
            ("60", None),
            ("24:00:00", None),
            ("00:60:00", None),
            ("00:00:60", None),
            ("-00:00:01", None),
            ("00:00:01:00", None),
            ("1m", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
