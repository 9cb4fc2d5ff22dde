//! Route templates of ASP.NET: `keys/{pkh}`, `{page:int}`, `{rest?}`, `{*path}`.

use super::constraint::Constraint;
use super::parser;
use std::cmp::Ordering;

/// Why a text is not a route template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Two slashes in a row, or one at the beginning after the prefix.
    #[error("The route template separator character '/' cannot appear consecutively.")]
    EmptySegment,
    /// A brace that does not belong to a parameter.
    #[error("There is an incomplete parameter in the route template.")]
    IncompleteParameter,
    /// A parameter has no name, or one with characters that it cannot have.
    #[error("The route parameter name '{0}' is invalid.")]
    BadName(String),
    /// Two parameters have the same name.
    #[error("The route parameter name '{0}' appears more than one time in the route template.")]
    RepeatedName(String),
    /// `{name?}` before the end.
    #[error("An optional parameter must be at the end of the segment and of the template.")]
    OptionalNotLast,
    /// `{*name}` before the end, or optional.
    #[error("A catch-all parameter can only appear as the last segment of the route template, and not be optional.")]
    BadCatchAll,
    /// A constraint that does not exist, or its arguments are not right.
    #[error("The constraint '{0}' could not be resolved.")]
    UnknownConstraint(String),
    /// The expression of a constraint.
    #[error("The constraint regex: {0}")]
    BadRegex(String),
    /// The text has `?` outside of a parameter.
    #[error("The literal section '{0}' is invalid. Literal sections cannot contain the '?' character.")]
    BadLiteral(String),
    /// A real host could do it, this one cannot.
    #[error("{0} is not supported by this host")]
    NotSupported(&'static str),
}

/// A part of a template between two slashes.
#[derive(Debug, Clone)]
pub(crate) enum Segment {
    Literal(String),
    Parameter(Parameter),
}

#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) kind: ParameterKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    Required,
    Optional,
    CatchAll,
}

impl Parameter {
    fn allows(&self, value: &str) -> bool {
        self.constraints.iter().all(|constraint| constraint.allows(value))
    }
}

/// A route template.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    segments: Vec<Segment>,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, RouteError> {
        parser::parse(text).map(|segments| Self { segments })
    }

    /// Whether the template fits a path, given as its segments, decoded and without the empty one that a slash at the
    /// end makes.
    pub(crate) fn matches(&self, path: &[String]) -> bool {
        let mut path = path.iter();
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => {
                    if !path.next().is_some_and(|part| part.eq_ignore_ascii_case(text)) {
                        return false;
                    }
                }
                Segment::Parameter(parameter) if parameter.kind == ParameterKind::CatchAll => {
                    return parameter.allows(&path.as_slice().join("/"));
                }
                Segment::Parameter(parameter) => match path.next() {
                    None if parameter.kind == ParameterKind::Optional => return true,
                    None => return false,
                    // An empty part is no value.
                    Some(part) if part.is_empty() || !parameter.allows(part) => return false,
                    Some(_) => {}
                },
            }
        }
        path.next().is_none()
    }

    /// The order in which a host tries routes: in each segment text before a parameter and more constraints before
    /// fewer, then the longer template. Of templates that are equal in this, the host takes any.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        for (mine, others) in self.segments.iter().zip(&other.segments) {
            let order = match (mine, others) {
                (Segment::Literal(mine), Segment::Literal(others)) => {
                    mine.to_ascii_lowercase().cmp(&others.to_ascii_lowercase())
                }
                (Segment::Literal(_), Segment::Parameter(_)) => Ordering::Less,
                (Segment::Parameter(_), Segment::Literal(_)) => Ordering::Greater,
                (Segment::Parameter(mine), Segment::Parameter(others)) => {
                    others.constraints.len().cmp(&mine.constraints.len())
                }
            };
            if order != Ordering::Equal {
                return order;
            }
        }
        other.segments.len().cmp(&self.segments.len())
    }
}
