//! What to run, and against which signers.

use super::client::{Client, ClientError};
use crate::profile::Profile;
use std::fmt;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// How differences in status or error format count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// They are reported, and do not fail.
    #[default]
    Lenient,
    /// They fail.
    Strict,
}

/// The signers and cases of a run.
pub struct Options {
    /// The signer.
    pub first: Client,
    /// A second instance on the same store.
    pub second: Option<Client>,
    /// An instance that requires authentication.
    pub authenticated: Option<Client>,
    /// Signers for keys that the first one does not hold, by patterns of key names.
    pub elsewhere: Vec<(Pattern, Client)>,
    /// How to restart the first signer.
    pub restart: Option<Restart>,
    /// Patterns of the cases to run; empty for all.
    pub only: Vec<Pattern>,
    /// The kind of signer, whose missing features are left out; `None` to leave out nothing.
    pub profile: Option<Profile>,
}

/// The signer that receives a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The signer that holds this key.
    Holding(&'a str),
    /// The first signer.
    First,
    /// The second instance on the same store.
    Second,
    /// The instance that requires authentication.
    Authenticated,
}

impl Options {
    /// Options with a single signer and no others.
    pub const fn of(first: Client) -> Self {
        Self {
            first,
            second: None,
            authenticated: None,
            elsewhere: Vec::new(),
            restart: None,
            only: Vec::new(),
            profile: None,
        }
    }

    /// The client for a target; `None` if no such signer is configured.
    pub fn client(&self, target: Target<'_>) -> Option<&Client> {
        match target {
            Target::First => Some(&self.first),
            Target::Holding(key) => {
                let elsewhere = self.elsewhere.iter().find(|(pattern, _)| pattern.matches(key));
                Some(elsewhere.map_or(&self.first, |(_, client)| client))
            }
            Target::Second => self.second.as_ref(),
            Target::Authenticated => self.authenticated.as_ref(),
        }
    }
}

/// A way to restart a signer.
pub enum Restart {
    /// A shell command.
    Command(String),
    /// A function, for tests.
    Call(Box<dyn Fn() -> Result<(), String> + Sync>),
}

/// How long a signer may take to accept connections after its restart.
const RESTART_TIMEOUT: Duration = Duration::from_secs(30);

impl Restart {
    /// Restarts, and waits until the signer accepts connections.
    ///
    /// # Errors
    /// What went wrong, in prose.
    pub fn run(&self, client: &Client) -> Result<(), String> {
        match self {
            Self::Call(call) => call()?,
            Self::Command(command) => {
                let status = Command::new("sh").args(["-c", command]).status();
                match status {
                    Ok(status) if status.success() => {}
                    Ok(status) => return Err(format!("{command:?} failed: {status}")),
                    Err(error) => return Err(format!("{command:?}: {error}")),
                }
            }
        }
        let start = std::time::Instant::now();
        loop {
            match client.connect() {
                Ok(_) => return Ok(()),
                Err(error) if start.elapsed() > RESTART_TIMEOUT => return Err(format!("after its restart: {error}")),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// A pattern for names: `*` matches any characters. Without a `*` it is a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

/// An empty pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("empty pattern; expected the beginning of an id such as 'sequence/block', or a pattern such as '*/repeat'")]
pub struct EmptyPattern;

impl FromStr for Pattern {
    type Err = EmptyPattern;

    fn from_str(text: &str) -> Result<Self, EmptyPattern> {
        if text.is_empty() {
            return Err(EmptyPattern);
        }
        let pattern = if text.contains('*') { text.to_owned() } else { format!("{text}*") };
        Ok(Self(pattern.split('*').map(str::to_owned).collect()))
    }
}

impl Pattern {
    /// Whether the pattern matches the whole name.
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return name.is_empty() };
        let Some(mut left) = name.strip_prefix(first.as_str()) else { return false };
        let Some((last, between)) = rest.split_last() else { return left.is_empty() };
        for part in between {
            let Some((_, behind)) = left.split_once(part.as_str()) else { return false };
            left = behind;
        }
        left.ends_with(last.as_str())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("*"))
    }
}

/// Parses a signer for some keys: `PATTERN=URL`.
///
/// # Errors
/// What is wrong with the text, the pattern or the address, in prose.
pub fn elsewhere(text: &str, headers: &[(String, String)]) -> Result<(Pattern, Client), String> {
    let (pattern, url) = text.split_once('=').ok_or("expected KEYS=URL, such as 'payer-*=http://127.0.0.1:6733'")?;
    let pattern = pattern.parse().map_err(|error: EmptyPattern| error.to_string())?;
    let client = Client::new(url, headers).map_err(|error: ClientError| error.to_string())?;
    Ok((pattern, client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, matches) in [
            ("sequence", "sequence/block/p256/repeat", true),
            ("block", "sequence/block/p256/repeat", false),
            ("*/repeat", "sequence/block/p256/repeat", true),
            ("*/repeat", "sequence/block/p256/repeat-again", false),
            ("sequence/*/p256/*", "sequence/block/p256/repeat", true),
            ("sequence/*/p256/*", "sequence/block/bls/repeat", false),
            ("payer-*", "payer-p256", true),
            ("*", "anything", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(pattern.parse::<Pattern>().unwrap().matches(name), matches, "{pattern} {name}");
        }
        assert_eq!("".parse::<Pattern>(), Err(EmptyPattern));
    }
}
