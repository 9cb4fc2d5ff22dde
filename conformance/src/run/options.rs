use super::client::{Client, ClientError};
use crate::profile::Profile;
use std::fmt;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// How a difference in status or in the form of an error counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// It is shown, and does not fail.
    #[default]
    Lenient,
    /// It fails.
    Strict,
}

/// What is asked, and with what.
pub struct Options {
    /// The signer.
    pub first: Client,
    /// An instance on the same store.
    pub second: Option<Client>,
    /// An instance that answers authenticated requests only.
    pub authenticated: Option<Client>,
    /// Where keys are asked that the first signer does not hold: patterns of their names, and a signer.
    pub elsewhere: Vec<(Pattern, Client)>,
    /// What restarts the first signer.
    pub restart: Option<Restart>,
    /// Which cases are run; all, if there is none.
    pub only: Vec<Pattern>,
    /// What kind of signer it is: cases about what it has no notion of are left out. None are, if nothing is given.
    pub profile: Option<Profile>,
}

/// Which signer a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The one that holds this key.
    Holding(&'a str),
    /// The first one, whatever it is asked.
    First,
    /// The one on the same store.
    Second,
    /// The one that wants authentication.
    Authenticated,
}

impl Options {
    /// Of one signer, and nothing else.
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

    /// The client for a target; `None` if there is no such signer.
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

/// Restarts a signer, and returns when it answers again.
pub enum Restart {
    /// A command of the shell.
    Command(String),
    /// Code of a test.
    Call(Box<dyn Fn() -> Result<(), String> + Sync>),
}

/// How long a signer may take to answer after its restart.
const PATIENCE: Duration = Duration::from_secs(30);

impl Restart {
    /// Restarts, and waits until the signer accepts connections.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub fn run(&self, client: &Client) -> Result<(), String> {
        match self {
            Self::Call(call) => call()?,
            Self::Command(command) => {
                let status = Command::new("sh").args(["-c", command]).status();
                match status {
                    Ok(status) if status.success() => {}
                    Ok(status) => return Err(format!("{command:?} ended with {status}")),
                    Err(error) => return Err(format!("{command:?}: {error}")),
                }
            }
        }
        let start = std::time::Instant::now();
        loop {
            match client.connect() {
                Ok(_) => return Ok(()),
                Err(error) if start.elapsed() > PATIENCE => return Err(format!("after its restart: {error}")),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// A pattern of names: `*` stands for any characters. Without one it is the beginning of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

/// An empty pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an empty pattern: expected the beginning of an id such as 'sequence/block', or a pattern such as '*/repeat'")]
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
    /// Whether the whole name is as the pattern says.
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

/// An address of another signer for some keys: `PATTERN=URL`.
///
/// # Errors
/// [`ClientError`] or what is wrong with the pattern, in words.
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
