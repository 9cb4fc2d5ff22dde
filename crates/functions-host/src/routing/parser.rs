//! Reads route templates.

use super::constraint::Constraint;
use super::template::{Parameter, ParameterKind, RouteError, Segment};

/// The segments of a template.
pub(super) fn parse(text: &str) -> Result<Vec<Segment>, RouteError> {
    let text = text.strip_prefix("~/").or_else(|| text.strip_prefix('/')).unwrap_or(text);
    let mut segments = Vec::<Segment>::new();
    if text.is_empty() {
        return Ok(segments);
    }
    let texts = split(text)?;
    let last = texts.len();
    for (position, text) in texts.iter().enumerate() {
        let segment = segment(text)?;
        if let Segment::Parameter(parameter) = &segment {
            let same = |other: &Segment| matches!(other, Segment::Parameter(other) if other.name.eq_ignore_ascii_case(&parameter.name));
            if segments.iter().any(same) {
                return Err(RouteError::RepeatedName(parameter.name.clone()));
            }
            let at_end = position + 1 == last;
            match parameter.kind {
                ParameterKind::Optional if !at_end => return Err(RouteError::OptionalNotLast),
                ParameterKind::CatchAll if !at_end => return Err(RouteError::BadCatchAll),
                _ => {}
            }
        }
        segments.push(segment);
    }
    Ok(segments)
}

/// The texts between slashes; those inside of braces do not count, nor does one at the end.
fn split(text: &str) -> Result<Vec<String>, RouteError> {
    let mut texts = vec![String::new()];
    let mut characters = text.chars().peekable();
    let mut inside = false;
    while let Some(character) = characters.next() {
        if character == '/' && !inside {
            texts.push(String::new());
            continue;
        }
        let Some(segment) = texts.last_mut() else { continue };
        segment.push(character);
        if matches!(character, '{' | '}') {
            // Doubled it is the character itself.
            if let Some(doubled) = characters.next_if_eq(&character) {
                segment.push(doubled);
            } else if inside == (character == '{') {
                return Err(RouteError::IncompleteParameter);
            } else {
                inside = !inside;
            }
        }
    }
    if inside {
        return Err(RouteError::IncompleteParameter);
    }
    texts.pop_if(|last| last.is_empty());
    if texts.iter().any(String::is_empty) { Err(RouteError::EmptySegment) } else { Ok(texts) }
}

fn segment(text: &str) -> Result<Segment, RouteError> {
    let without_escapes = text.replace("{{", "").replace("}}", "");
    let begins = text.starts_with('{') && !text.starts_with("{{");
    if begins && without_escapes.matches('}').count() == 1 && text.ends_with('}') {
        let inner = text.get(1..text.len() - 1).unwrap_or_default();
        return parameter(&inner.replace("{{", "{").replace("}}", "}")).map(Segment::Parameter);
    }
    if without_escapes.contains('{') {
        return Err(RouteError::NotSupported("a segment with text beside a parameter"));
    }
    let literal = text.replace("{{", "{").replace("}}", "}");
    if literal.contains('?') { Err(RouteError::BadLiteral(literal)) } else { Ok(Segment::Literal(literal)) }
}

/// Reads what is between the braces.
fn parameter(text: &str) -> Result<Parameter, RouteError> {
    let (text, stars) = match text.strip_prefix("**").or_else(|| text.strip_prefix('*')) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (text, optional) = text.strip_suffix('?').map_or((text, false), |rest| (rest, true));
    let kind = match (stars, optional) {
        (true, true) => return Err(RouteError::BadCatchAll),
        (true, false) => ParameterKind::CatchAll,
        (false, true) => ParameterKind::Optional,
        (false, false) => ParameterKind::Required,
    };
    let (name, constraints) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    if name.contains('=') {
        return Err(RouteError::NotSupported("a default value of a parameter"));
    }
    if name.is_empty() || name.contains(['/', '{', '}', '?', '*']) {
        return Err(RouteError::BadName(name.to_owned()));
    }
    let constraints = constraints.map_or(Ok(Vec::new()), constraint_list)?;
    Ok(Parameter { name: name.to_owned(), constraints, kind })
}

/// Reads constraints with colons between them; those inside of parentheses do not count.
fn constraint_list(text: &str) -> Result<Vec<Constraint>, RouteError> {
    let mut constraints = Vec::new();
    let mut rest = text;
    loop {
        // The arguments end with a parenthesis before a colon or the end: an expression may have others.
        let opened = rest.find('(').unwrap_or(rest.len());
        let colon = rest.find(':').unwrap_or(rest.len());
        let end = if opened < colon { rest.find("):").map_or(rest.len(), |end| end + 1) } else { colon };
        let (constraint, after) = rest.split_at(end);
        constraints.push(Constraint::parse(constraint)?);
        match after.strip_prefix(':') {
            None => return Ok(constraints),
            Some(next) => rest = next,
        }
    }
}
