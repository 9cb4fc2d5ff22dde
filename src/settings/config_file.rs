//! The file of `relay --config`: the settings of the environment as lines `NAME=value`, as in an `EnvironmentFile` of systemd.
//!
//! What systemd reads differently from what the line seems to say is an error: a continued line, and quotes inside a value.

use super::setting::Group;
use super::table;
use crate::text;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The settings in the file.
#[derive(Debug, Default)]
pub struct ConfigFile {
    values: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    number: usize,
    name: &'static str,
    value: SecretString,
}

/// Why the file cannot be used. Contains no values, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigFileError {
    /// It cannot be read.
    #[error("{path}: {why}; expected a text file with lines NAME=value", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// Some lines are invalid.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Lines(Vec<InvalidLine>),
}

/// An invalid line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidLine {
    /// Its number, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub error: LineError,
}

impl fmt::Display for InvalidLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.number, self.error)
    }
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LineError {
    /// It is not `NAME=value`. It is not repeated, since it may be a secret.
    #[error("expected NAME=value, with a name in capital letters, or a comment that begins with #")]
    NotASetting,
    /// No setting of the relay has this name.
    #[error("{0} is not a setting of the relay")]
    Unknown(String),
    /// It is read from the environment only.
    #[error("{0} can be set in the environment only")]
    EnvironmentOnly(&'static str),
    /// An earlier line sets the same.
    #[error("{name} is already set in line {earlier}")]
    Repeated {
        /// The setting.
        name: &'static str,
        /// The number of the earlier line.
        earlier: usize,
    },
    /// A quote that does not enclose the value.
    #[error("{0}: expected quotes around the whole value, or none")]
    Quotes(&'static str),
    /// It ends with a backslash.
    #[error("{0}: ends with a backslash, but a value cannot be continued in the next line")]
    Continued(&'static str),
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigFileError`].
    pub fn read(path: &Path) -> Result<Self, ConfigFileError> {
        let text = text::read_secret(path)
            .map_err(|error| ConfigFileError::Unreadable { path: path.to_owned(), why: error.to_string() })?;
        Self::parse(&text)
    }

    /// Parses the contents of a file.
    ///
    /// # Errors
    /// [`ConfigFileError::Lines`], with all invalid lines.
    pub fn parse(text: &str) -> Result<Self, ConfigFileError> {
        let mut file = Self::default();
        let mut invalid = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            match file.setting(line) {
                Ok((name, value)) => file.values.push(Line { number, name, value }),
                Err(error) => invalid.push(InvalidLine { number, error }),
            }
        }
        if invalid.is_empty() { Ok(file) } else { Err(ConfigFileError::Lines(invalid)) }
    }

    fn setting(&self, line: &str) -> Result<(&'static str, SecretString), LineError> {
        let (name, value) = line.split_once('=').ok_or(LineError::NotASetting)?;
        let name = known(name.trim_end())?;
        if let Some(Line { number, .. }) = self.values.iter().find(|line| line.name == name) {
            return Err(LineError::Repeated { name, earlier: *number });
        }
        let value = value.trim_start();
        if value.ends_with('\\') {
            return Err(LineError::Continued(name));
        }
        let enclosed = |quote| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
        let value = enclosed('"').or_else(|| enclosed('\'')).unwrap_or(value);
        if value.contains(['"', '\'']) {
            return Err(LineError::Quotes(name));
        }
        Ok((name, SecretString::from(value)))
    }

    /// The value of a setting, if the file sets it; empty if it sets it to nothing.
    pub fn value(&self, name: &str) -> Option<&str> {
        let line = self.values.iter().find(|line| line.name == name)?;
        Some(line.value.expose_secret())
    }
}

/// The name of a setting that the file may contain.
fn known(name: &str) -> Result<&'static str, LineError> {
    let is_name = name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_name {
        return Err(LineError::NotASetting);
    }
    match table::entries().into_iter().find(|entry| entry.name == name) {
        Some(entry) if matches!(entry.group, Group::Relay | Group::Log | Group::Metrics | Group::Traces) => {
            Ok(entry.name)
        }
        Some(entry) if entry.group == Group::Environment => Err(LineError::EnvironmentOnly(entry.name)),
        _ => Err(LineError::Unknown(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_systemd_reads_them_and_the_rest_is_refused() {
        const NAME: &str = "RELAY_UPSTREAMS";
        for (text, expected) in [
            ("", Ok(None)),
            ("\n  # RELAY_UPSTREAMS=a\n; RELAY_UPSTREAMS=b\r\n", Ok(None)),
            ("RELAY_UPSTREAMS=https://a.example", Ok(Some("https://a.example"))),
            (
                "  RELAY_UPSTREAMS = https://a.example, https://b.example \r\n",
                Ok(Some("https://a.example, https://b.example")),
            ),
            ("RELAY_UPSTREAMS=\"https://a.example\"\nRELAY_HEDGE_MS='10'", Ok(Some("https://a.example"))),
            ("RELAY_UPSTREAMS='a b'", Ok(Some("a b"))),
            ("RELAY_UPSTREAMS=a=b#c", Ok(Some("a=b#c"))),
            ("RELAY_UPSTREAMS=", Ok(Some(""))),
            ("RELAY_UPSTREAMS=\"\"", Ok(Some(""))),
            ("\nRELAY_UPSTREAMS", Err((2, LineError::NotASetting))),
            ("export RELAY_UPSTREAMS=a", Err((1, LineError::NotASetting))),
            ("aGVsbG8gd29ybGQ==", Err((1, LineError::NotASetting))),
            ("=a", Err((1, LineError::NotASetting))),
            ("RELAY_UPSTREAMS=a\n\nRELAY_UPSTREAM=b", Err((3, LineError::Unknown("RELAY_UPSTREAM".to_owned())))),
            ("KEY_VAULT_URL=a", Err((1, LineError::Unknown("KEY_VAULT_URL".to_owned())))),
            ("AZURE_CLIENT_ID=a", Err((1, LineError::EnvironmentOnly("AZURE_CLIENT_ID")))),
            ("RELAY_UPSTREAMS=a\nRELAY_UPSTREAMS=b", Err((2, LineError::Repeated { name: NAME, earlier: 1 }))),
            ("RELAY_UPSTREAMS=a,\\\nb", Err((1, LineError::Continued(NAME)))),
            ("RELAY_UPSTREAMS=\"a", Err((1, LineError::Quotes(NAME)))),
            ("RELAY_UPSTREAMS=\"", Err((1, LineError::Quotes(NAME)))),
            ("RELAY_UPSTREAMS=\"a\"b", Err((1, LineError::Quotes(NAME)))),
            ("RELAY_UPSTREAMS=\"a\" \"b\"", Err((1, LineError::Quotes(NAME)))),
            ("RELAY_UPSTREAMS='a\"", Err((1, LineError::Quotes(NAME)))),
        ] {
            let parsed = ConfigFile::parse(text);
            match (parsed, expected) {
                (Ok(file), Ok(expected)) => assert_eq!(file.value(NAME), expected, "{text}"),
                (Err(ConfigFileError::Lines(lines)), Err((number, error))) => {
                    assert_eq!(lines.first(), Some(&InvalidLine { number, error }), "{text}");
                }
                (parsed, expected) => panic!("{text}: {parsed:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn all_invalid_lines_are_reported_without_their_values() {
        let error =
            ConfigFile::parse("RELAY_FUNCTION_KEYS='secret\nsecretkey\nRELAY_X=secret").unwrap_err().to_string();
        assert!(["line 1: ", "line 2: ", "line 3: RELAY_X "].iter().all(|text| error.contains(text)), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
