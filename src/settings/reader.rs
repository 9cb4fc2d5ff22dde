use super::{SettingError, SettingsError};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Reads variables, and gathers what is wrong with them.
pub(super) struct Reader<F> {
    pub(super) variable: F,
    errors: Vec<SettingError>,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) const fn new(variable: F) -> Self {
        Self { variable, errors: Vec::new() }
    }

    /// The value of a variable; one that is empty counts as not set, one of white space does not.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(|value| value.trim().to_owned())
    }

    pub(super) fn wrong(&mut self, name: &'static str, why: impl Into<String>) {
        self.errors.push(SettingError { name, why: why.into() });
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.errors.is_empty() { Ok(settings) } else { Err(SettingsError(self.errors)) }
    }

    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.wrong(name, format!("'{text}': expected {expected}"));
        }
        value
    }

    /// A list separated by commas. One wrong entry does not hide another. Entries are not repeated in errors: a URL may hold
    /// a password, and a secret key may stand where a public one should.
    pub(super) fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Vec<T> {
        let Some(text) = self.text(name) else { return Vec::new() };
        let mut values = Vec::new();
        for (index, entry) in text.split(',').enumerate() {
            match entry.trim().parse() {
                Ok(value) => values.push(value),
                Err(error) => self.wrong(name, format!("entry {}: {error}", index + 1)),
            }
        }
        values
    }

    pub(super) fn levels(&mut self, name: &'static str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let value = self.parsed(name, "a whole number of levels").unwrap_or(default);
        if !range.contains(&value) {
            self.wrong(name, format!("{value}: expected {} to {} levels", range.start(), range.end()));
        }
        value
    }

    pub(super) fn milliseconds(&mut self, name: &'static str, default: u64, range: RangeInclusive<u64>) -> Duration {
        let value = self.parsed(name, "a whole number of milliseconds").unwrap_or(default);
        if !range.contains(&value) {
            self.wrong(name, format!("{value}: expected {} to {} milliseconds", range.start(), range.end()));
        }
        Duration::from_millis(value)
    }

    pub(super) fn seconds(&mut self, name: &'static str, default: u64, range: RangeInclusive<u64>) -> Duration {
        let value = self.parsed(name, "a whole number of seconds").unwrap_or(default);
        if !range.contains(&value) {
            self.wrong(name, format!("{value}: expected {} to {} seconds", range.start(), range.end()));
        }
        Duration::from_secs(value)
    }

    /// A value whose type says what it expects. The value itself is not repeated: it may be a URL with a password.
    pub(super) fn parsed_with_reason<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        match self.text(name)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(name, error.to_string());
                None
            }
        }
    }
}
