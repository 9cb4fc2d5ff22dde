//! Reads settings by their definitions, and collects all errors.

use super::error::{SettingError, SettingsError};
use super::path::problem_of;
use super::setting::{Address, Choice, FilePath, Levels, List, Milliseconds, Seconds, Setting, Text, Values};
use super::typos::{Typo, probable_typos};
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Reads variables, and collects the errors.
pub(super) struct Reader<F> {
    variable: F,
    errors: Vec<SettingError>,
}

/// A whole number with a unit: its default and its valid range.
struct Number<'a, T> {
    default: T,
    range: &'a RangeInclusive<T>,
    unit: &'static str,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(super) const fn new(variable: F) -> Self {
        Self { variable, errors: Vec::new() }
    }

    /// The value, unchanged. An empty one counts as not set.
    pub(super) fn untrimmed<V>(&self, setting: &Setting<V>) -> Option<String> {
        self.variable_of(setting).map(|(_, value)| value)
    }

    /// The value without surrounding blanks. An empty one counts as not set; one that is only blanks does not.
    pub(super) fn text<V>(&self, setting: &Setting<V>) -> Option<String> {
        self.trimmed(setting).map(|(_, value)| value)
    }

    /// The same, with the name of the variable that is set.
    pub(super) fn trimmed<V>(&self, setting: &Setting<V>) -> Option<(&'static str, String)> {
        self.variable_of(setting).map(|(name, value)| (name, value.trim().to_owned()))
    }

    fn variable_of<V>(&self, setting: &Setting<V>) -> Option<(&'static str, String)> {
        let value = |name| (self.variable)(name).filter(|value| !value.is_empty());
        let mut names = std::iter::once(setting.name).chain(setting.alias);
        names.find_map(|name| Some((name, value(name)?)))
    }

    pub(super) fn is_set<V>(&self, setting: &Setting<V>) -> bool {
        self.variable_of(setting).is_some()
    }

    pub(super) fn wrong<V>(&mut self, setting: &Setting<V>, reason: impl Into<String>) {
        self.wrong_variable(setting.name, reason);
    }

    /// The same, for a setting given by its name.
    pub(super) fn wrong_variable(&mut self, name: &'static str, reason: impl Into<String>) {
        self.errors.push(SettingError { name, why: reason.into() });
    }

    /// Two settings are set that exclude each other.
    pub(super) fn wrong_together<V, W>(&mut self, setting: &Setting<V>, other: &Setting<W>) {
        self.wrong(setting, format!("is set, and so is {}: set only one of the two", other.name));
    }

    pub(super) fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.errors.is_empty() { Ok(settings) } else { Err(SettingsError(self.errors)) }
    }

    /// Refuses variables that are probably misspelt settings. `names` lists all variables that are set.
    pub(super) fn refuse_typos(&mut self, names: &[String]) {
        for Typo { name, setting } in probable_typos(&self.variable, names) {
            self.wrong_variable(
                setting,
                format!("is not set, but {name:?} is, probably a typo: rename it, or remove it"),
            );
        }
    }

    fn parsed<V, T: FromStr>(&mut self, setting: &Setting<V>, expected: &str) -> Option<T> {
        let text = self.text(setting)?;
        let value = text.parse().ok();
        if value.is_none() {
            let shown = if setting.is_secret { String::new() } else { format!("'{text}': ") };
            self.wrong(setting, format!("{shown}expected {expected}"));
        }
        value
    }

    /// A value whose error message is just the expected form.
    pub(super) fn value<T: FromStr>(&mut self, setting: &Setting<Text>) -> Option<T> {
        self.parsed(setting, setting.values.form)
    }

    pub(super) fn address(&mut self, setting: &Setting<Address>) -> SocketAddr {
        self.parsed(setting, &setting.values.form()).unwrap_or(setting.values.default)
    }

    pub(super) fn choice<T: FromStr>(&mut self, setting: &Setting<Choice>) -> Option<T> {
        self.parsed(setting, &setting.values.form())
    }

    /// A comma-separated list. Every invalid entry is reported. Errors do not repeat the entry: a URL may contain a password, and
    /// a secret key may have been set instead of a public one.
    pub(super) fn list<T: FromStr<Err: fmt::Display>>(&mut self, setting: &Setting<List>) -> Vec<T> {
        let Some(text) = self.text(setting) else { return Vec::new() };
        let mut values = Vec::new();
        for (index, entry) in text.split(',').enumerate() {
            match entry.trim().parse() {
                Ok(value) => values.push(value),
                Err(error) => self.wrong(setting, format!("entry {}: {error}", index + 1)),
            }
        }
        values
    }

    pub(super) fn levels(&mut self, setting: &Setting<Levels>) -> u32 {
        let Levels { default, range } = &setting.values;
        self.number(setting, &Number { default: *default, range, unit: Levels::UNIT })
    }

    pub(super) fn milliseconds(&mut self, setting: &Setting<Milliseconds>) -> Duration {
        let Milliseconds { default, range } = &setting.values;
        Duration::from_millis(self.number(setting, &Number { default: *default, range, unit: Milliseconds::UNIT }))
    }

    pub(super) fn seconds(&mut self, setting: &Setting<Seconds>) -> Duration {
        let Seconds { default, range } = &setting.values;
        Duration::from_secs(self.number(setting, &Number { default: *default, range, unit: Seconds::UNIT }))
    }

    fn number<V: Values, T>(&mut self, setting: &Setting<V>, number: &Number<T>) -> T
    where
        T: FromStr + PartialOrd + fmt::Display + Copy,
    {
        let Number { default, range, unit } = number;
        let value = self.parsed(setting, &format!("a whole number of {unit}")).unwrap_or(*default);
        if !range.contains(&value) {
            self.wrong(setting, format!("{value}: expected {}", setting.values.form()));
        }
        value
    }

    /// A value whose parse error describes what is expected. Errors do not repeat the value: it may be a URL with a password.
    pub(super) fn parsed_with_reason<T: FromStr<Err: fmt::Display>>(&mut self, setting: &Setting<Text>) -> Option<T> {
        match self.text(setting)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(setting, error.to_string());
                None
            }
        }
    }

    /// A path. `~` and variables, which only a shell expands, are errors: the file system would take them literally.
    pub(super) fn path(&mut self, setting: &Setting<FilePath>) -> Option<String> {
        let text = self.text(setting)?;
        match problem_of(&text) {
            None => Some(text),
            Some(reason) => {
                self.wrong(setting, reason);
                None
            }
        }
    }
}
