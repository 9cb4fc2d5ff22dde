//! `RUST_LOG`: which events are logged.

use super::typos::distance;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Directive;

/// Which events are logged: a level, exceptions for some targets, or both, as `tracing_subscriber::EnvFilter` reads them.
///
/// Targets without an entry keep their default. So a bare level does not enable the lines of libraries, and an entry for one
/// target does not silence the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter {
    directives: Vec<String>,
    unknown_targets: Vec<UnknownTarget>,
}

/// The default level of the signer's own events.
const DEFAULT_LEVEL: LevelFilter = LevelFilter::INFO;

/// The prefix of the targets of the signer's own events.
const OWN: &str = "azurehsm_signer";

/// The least verbose level at which libraries are logged, too. At lower levels, their lines would only repeat those of the signer,
/// which include the cause: the SDK logs every attempt of a request to a service that is down.
const WITH_LIBRARIES: LevelFilter = LevelFilter::DEBUG;

/// The SDK logs each client that it creates, and each request. This caps its level, unless an entry names its target.
const MAX_NOISE: LevelFilter = LevelFilter::WARN;
const NOISY: [&str; 5] =
    ["azure_core", "azure_identity", "azure_data_cosmos", "azure_data_cosmos_driver", "typespec_client_core"];

/// Warns about unknown targets.
const WARNS: &str = "azurehsm_signer::log=warn";

/// The lock file of this build, which lists all its crates.
const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// An entry without effect: no crate in this build has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{target}' is not a crate of this build, so this entry has no effect{}", or_rather(.suggestion.as_deref()))]
pub struct UnknownTarget {
    /// The target, or its first part.
    pub target: String,
    /// The target that was probably meant.
    pub suggestion: Option<String>,
}

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidLogFilter {
    /// An unknown level.
    #[error(
        "'{level}' is not a level: expected off, error, warn, info, debug or trace{}",
        or_rather(.suggestion.as_deref())
    )]
    UnknownLevel {
        /// The text instead of a level.
        level: String,
        /// The level that was probably meant.
        suggestion: Option<String>,
    },
    /// No level after the equals sign.
    #[error("'{entry}' has no level: expected {entry}info, for instance")]
    NoLevel {
        /// The entry.
        entry: String,
    },
    /// Any other syntax error.
    #[error(
        "'{entry}' is not an entry: expected a level, or target=level, separated by commas, as in info,azure_core=debug"
    )]
    Unreadable {
        /// The entry.
        entry: String,
    },
}

impl Default for LogFilter {
    fn default() -> Self {
        Self::new(DEFAULT_LEVEL, &[])
    }
}

impl LogFilter {
    /// `level` applies to targets without an entry; of several entries for one target, the last wins.
    fn new(level: LevelFilter, named: &[Named]) -> Self {
        let unknown_targets: Vec<_> = named.iter().filter_map(|Named { target, .. }| unknown(target)).collect();
        let mut directives = Vec::new();
        if level < WITH_LIBRARIES {
            directives.push(LevelFilter::OFF.to_string());
            if level > LevelFilter::OFF {
                directives.push(format!("{OWN}={level}"));
            }
        } else {
            directives.push(level.to_string());
            let is_named =
                |noisy: &str| named.iter().any(|Named { target, .. }| !target.is_empty() && noisy.starts_with(target));
            directives
                .extend(NOISY.iter().filter(|noisy| !is_named(noisy)).map(|noisy| format!("{noisy}={MAX_NOISE}")));
        }
        if !unknown_targets.is_empty() {
            directives.push(WARNS.to_owned());
        }
        directives.extend(named.iter().map(|Named { directive, .. }| directive.clone()));
        Self { directives, unknown_targets }
    }

    /// Entries without effect.
    pub fn unknown_targets(&self) -> &[UnknownTarget] {
        &self.unknown_targets
    }
}

/// As `tracing_subscriber::EnvFilter` reads it.
impl fmt::Display for LogFilter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.directives.join(","))
    }
}

impl FromStr for LogFilter {
    type Err = InvalidLogFilter;

    /// A text without entries is the default.
    fn from_str(text: &str) -> Result<Self, InvalidLogFilter> {
        let (mut level, mut named) = (DEFAULT_LEVEL, Vec::new());
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match Entry::read(entry)? {
                Entry::Level(of_all) => level = of_all,
                Entry::Named(entry) => named.push(entry),
            }
        }
        Ok(Self::new(level, &named))
    }
}

/// One of the entries between commas.
enum Entry {
    /// For every target that has no entry.
    Level(LevelFilter),
    Named(Named),
}

/// For some events only.
struct Named {
    /// The prefix of their targets; empty for an entry with only a span.
    target: String,
    /// The whole entry.
    directive: String,
}

impl Entry {
    fn read(entry: &str) -> Result<Self, InvalidLogFilter> {
        // A span may contain equals signs: `target[span{field=value}]=level`.
        let behind_span = entry.rfind(']').map_or(0, |end| end + 1);
        let (head, level) = match entry.get(behind_span..).and_then(|rest| rest.split_once('=')) {
            Some((rest, level)) => {
                (entry.get(..behind_span + rest.len()).unwrap_or_default().trim(), Some(level.trim()))
            }
            None => (entry, None),
        };
        let target = head.split('[').next().unwrap_or_default();
        let is_path = target.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'));
        let is_word = target == head;
        let directive = match level {
            Some("") => return Err(InvalidLogFilter::NoLevel { entry: format!("{head}=") }),
            Some(level) => format!("{head}={}", read_level(level)?),
            None => match read_level(head) {
                Ok(level) => return Ok(Self::Level(level)),
                // Without a level, everything that this target logs.
                Err(_) if !is_word || head.contains("::") || unknown(head).is_none() => head.to_owned(),
                Err(error) => return Err(error),
            },
        };
        if !is_path || directive.parse::<Directive>().is_err() {
            return Err(InvalidLogFilter::Unreadable { entry: entry.to_owned() });
        }
        Ok(Self::Named(Named { target: target.to_owned(), directive }))
    }
}

fn read_level(text: &str) -> Result<LevelFilter, InvalidLogFilter> {
    text.parse().map_err(|_| InvalidLogFilter::UnknownLevel { level: text.to_owned(), suggestion: meant_level(text) })
}

/// The level closest to a misspelt one, or the level that other programs, such as the Functions host, call by this name.
fn meant_level(text: &str) -> Option<String> {
    const LEVELS: [(&str, &str); 12] = [
        ("off", "off"),
        ("error", "error"),
        ("warn", "warn"),
        ("info", "info"),
        ("debug", "debug"),
        ("trace", "trace"),
        ("none", "off"),
        ("critical", "error"),
        ("fatal", "error"),
        ("warning", "warn"),
        ("information", "info"),
        ("verbose", "debug"),
    ];
    let text = text.trim_matches(|character: char| !character.is_alphanumeric()).to_lowercase();
    if let Some(crate_name) = crate_like(&text) {
        return Some(crate_name);
    }
    nearest(&text, LEVELS.iter().map(|(name, _)| *name))
        .and_then(|nearest| LEVELS.iter().find(|(name, _)| *name == nearest))
        .map(|(_, level)| (*level).to_owned())
}

/// The target, if no event can match it: events' targets are paths in crates, and a filter's target is a prefix of them.
fn unknown(target: &str) -> Option<UnknownTarget> {
    let mut parts = target.splitn(2, "::");
    let (first, has_more) = (parts.next().unwrap_or_default(), parts.next().is_some());
    let is_known = |name: String| if has_more { name == first } else { name.starts_with(first) };
    if crates().any(is_known) {
        return None;
    }
    let suggestion = crate_like(first).or_else(|| {
        let names: Vec<_> = crates().collect();
        nearest(first, names.iter().map(String::as_str)).map(str::to_owned)
    });
    Some(UnknownTarget { target: first.to_owned(), suggestion })
}

/// The crate of a package whose name is written with hyphens.
fn crate_like(text: &str) -> Option<String> {
    crates().find(|name| text.contains('-') && *name == text.replace('-', "_"))
}

/// All crates of the build, spelled as in targets.
fn crates() -> impl Iterator<Item = String> {
    let name = |line: &str| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.replace('-', "_"));
    LOCK_FILE.lines().filter_map(name)
}

/// The name within two edits, if these are less than half of its letters.
fn nearest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const MAX_DISTANCE: usize = 2;
    // The difference of the lengths is a lower bound of the distance, and cheap.
    let near = names.filter(|name| name.len().abs_diff(text.len()) <= MAX_DISTANCE * char::MAX_LEN_UTF8);
    let near = near.map(|name| (distance(text, name), name));
    let near = near.filter(|(distance, name)| *distance <= MAX_DISTANCE && distance * 2 < name.len());
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

fn or_rather(suggestion: Option<&str>) -> String {
    suggestion.map(|suggestion| format!("; write {suggestion}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISE: &str = "azure_core=warn,azure_identity=warn,azure_data_cosmos=warn,azure_data_cosmos_driver=warn,\
                         typespec_client_core=warn";

    #[test]
    fn targets_without_an_entry_keep_their_default() {
        let own = |level: &str| format!("off,azurehsm_signer={level}");
        let with_noise = |level: &str| format!("{level},{NOISE}");
        for (text, expected) in [
            ("", own("info")),
            (" \n", own("info")),
            (",", own("info")),
            ("info", own("info")),
            ("info\n", own("info")),
            ("INFO ", own("info")),
            ("Debug", with_noise("debug")),
            ("trace,", with_noise("trace")),
            ("warn", own("warn")),
            ("error", own("error")),
            ("Off", "off".to_owned()),
            ("debug,info", own("info")),
            ("info, hyper = WARN", own("info,hyper=warn")),
            ("hyper=warn,info", own("info,hyper=warn")),
            ("azurehsm_signer=debug", own("info,azurehsm_signer=debug")),
            ("azurehsm_signer", own("info,azurehsm_signer")),
            ("azurehsm_signer::cli", own("info,azurehsm_signer::cli")),
            ("error,azurehsm_signer::cli=info", own("error,azurehsm_signer::cli=info")),
            ("azure_core=debug", own("info,azure_core=debug")),
            ("typespec_client_core=info", own("info,typespec_client_core=info")),
            (
                "debug,azure_core=debug",
                "debug,azure_identity=warn,azure_data_cosmos=warn,azure_data_cosmos_driver=warn,typespec_client_core=warn,\
                 azure_core=debug"
                    .to_owned(),
            ),
            // A prefix of the SDK's targets.
            ("trace,azure=trace", "trace,typespec_client_core=warn,azure=trace".to_owned()),
            (
                "debug,azure_data_cosmos=off",
                "debug,azure_core=warn,azure_identity=warn,typespec_client_core=warn,azure_data_cosmos=off".to_owned(),
            ),
            ("[request]=debug", own("info,[request]=debug")),
            ("hyper[request{id=1}]=Debug", own("info,hyper[request{id=1}]=debug")),
            ("hyper[request]", own("info,hyper[request]")),
        ] {
            let filter: LogFilter = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(filter.to_string(), expected, "{text:?}");
            assert!(filter.unknown_targets().is_empty(), "{text:?}: {filter:?}");
        }
    }

    #[test]
    fn a_word_that_is_neither_a_level_nor_a_crate_is_refused() {
        for (text, expected) in [
            ("inof", "'inof' is not a level: expected off, error, warn, info, debug or trace; write info"),
            (
                "Information",
                "'Information' is not a level: expected off, error, warn, info, debug or trace; write info",
            ),
            ("Warning", "; write warn"),
            ("Verbose", "; write debug"),
            ("Critical", "; write error"),
            ("None", "; write off"),
            ("\"info\"", "'\"info\"' is not a level: expected off, error, warn, info, debug or trace; write info"),
            ("warn,tracee", "'tracee' is not a level"),
            ("6", "'6' is not a level: expected off, error, warn, info, debug or trace"),
            ("true", "'true' is not a level"),
            ("info debug", "'info debug' is not a level"),
            ("info;hyper=warn", "'info;hyper=warn' is not an entry: expected a level, or target=level"),
            ("azurehsm-signer", "; write azurehsm_signer"),
            ("azurehsm_signer=inof", "'inof' is not a level"),
            ("azurehsm_signer=Information", "; write info"),
            ("azurehsm_signer=", "'azurehsm_signer=' has no level: expected azurehsm_signer=info, for instance"),
            ("*=debug", "'*=debug' is not an entry"),
            ("[request=debug", "'[request=debug' is not an entry"),
        ] {
            let error = text.parse::<LogFilter>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_target_that_matches_no_crate_is_reported_and_silences_nothing() {
        for (text, target, suggestion) in [
            ("azurehsm-signer=info", "azurehsm-signer", Some("azurehsm_signer")),
            ("off,azurehsm-signer=info", "azurehsm-signer", Some("azurehsm_signer")),
            ("azurehsm_singer=info", "azurehsm_singer", Some("azurehsm_signer")),
            ("azurehsm-signer::commands=info", "azurehsm-signer", Some("azurehsm_signer")),
            ("signer::commands", "signer", None),
            ("azure::core=debug", "azure", None),
            ("Host.Results=debug", "Host.Results", None),
        ] {
            let filter: LogFilter = text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"));
            let expected = UnknownTarget { target: target.to_owned(), suggestion: suggestion.map(str::to_owned) };
            assert_eq!(filter.unknown_targets(), [expected], "{text:?}");
            assert!(filter.to_string().contains(WARNS), "{text:?}: {filter}");
            assert_eq!(filter.to_string().contains("azurehsm_signer=info"), !text.starts_with("off"), "{text:?}");
        }
    }
}
