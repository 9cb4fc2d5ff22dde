//! What a parameter of a route may be.

use super::template::RouteError;
use regex::{Regex, RegexBuilder};

/// A constraint as in `{name:length(36)}`.
#[derive(Debug, Clone)]
pub(crate) enum Constraint {
    Length { least: usize, most: usize },
    Int,
    Regex(Regex),
}

impl Constraint {
    /// Reads `name` or `name(arguments)`.
    pub(crate) fn parse(text: &str) -> Result<Self, RouteError> {
        let unknown = || RouteError::UnknownConstraint(text.to_owned());
        let (name, arguments) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(unknown)?)),
        };
        let number = |text: &str| text.trim().parse().map_err(|_| unknown());
        match (name.to_ascii_lowercase().as_str(), arguments) {
            ("int", None) => Ok(Self::Int),
            ("alpha", None) => Self::regex("^[a-z]*$"),
            ("regex", Some(pattern)) => Self::regex(pattern),
            ("minlength", Some(least)) => Ok(Self::Length { least: number(least)?, most: usize::MAX }),
            ("maxlength", Some(most)) => Ok(Self::Length { least: 0, most: number(most)? }),
            ("length", Some(lengths)) => match lengths.split_once(',') {
                None => number(lengths).map(|length| Self::Length { least: length, most: length }),
                Some((least, most)) => Ok(Self::Length { least: number(least)?, most: number(most)? }),
            },
            _ => Err(unknown()),
        }
    }

    /// Expressions of routes do not heed case.
    fn regex(pattern: &str) -> Result<Self, RouteError> {
        let regex = RegexBuilder::new(pattern).case_insensitive(true).build();
        regex.map(Self::Regex).map_err(|error| RouteError::BadRegex(error.to_string()))
    }

    pub(crate) fn allows(&self, value: &str) -> bool {
        match self {
            // .NET counts UTF-16.
            Self::Length { least, most } => (*least..=*most).contains(&value.encode_utf16().count()),
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}
