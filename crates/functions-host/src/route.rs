//! Route templates: text, `{name}`, `{name?}` at the end, and `{name:regex(…)}`. The real host supports many more.

use percent_encoding::percent_decode_str;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

/// A route template, case-insensitive.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Route {
    segments: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Text(String),
    Parameter { is_optional: bool, regex: Option<Regex> },
}

impl TryFrom<String> for Route {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let segments = text.split('/').map(segment).collect::<Option<_>>().map(|segments| Self { segments });
        segments
            .ok_or_else(|| format!("expected a route of text, {{name}}, {{name?}} and {{name:regex(…)}}, not {text:?}"))
    }
}

fn segment(text: &str) -> Option<Segment> {
    let is_plain = |text: &str| !text.is_empty() && !text.contains(['{', '}', '?', '*', ':', '=']);
    let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        return is_plain(text).then(|| Segment::Text(text.to_owned()));
    };
    let (inner, is_optional) = inner.strip_suffix('?').map_or((inner, false), |inner| (inner, true));
    let (name, pattern) = match inner.strip_suffix(')') {
        None => (inner, None),
        Some(inner) => inner.split_once(":regex(").map(|(name, pattern)| (name, Some(pattern)))?,
    };
    let regex = pattern.map(|pattern| RegexBuilder::new(pattern).case_insensitive(true).build());
    is_plain(name).then_some(Segment::Parameter { is_optional, regex: regex.transpose().ok()? })
}

impl Route {
    /// Whether the path of a request matches. A trailing slash is ignored.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = decoded(path.strip_suffix('/').unwrap_or(path));
        let mut parts = path.split('/');
        let fits = |segment: &Segment| match (segment, parts.next()) {
            (Segment::Text(text), part) => part.is_some_and(|part| part.eq_ignore_ascii_case(text)),
            (Segment::Parameter { regex, .. }, Some(part)) => {
                !part.is_empty() && regex.as_ref().is_none_or(|regex| regex.is_match(part))
            }
            (Segment::Parameter { is_optional, .. }, None) => *is_optional,
        };
        self.segments.iter().all(fits) && parts.next().is_none()
    }
}

/// Percent-decodes a path, except for slashes.
pub(crate) fn decoded(path: &str) -> String {
    let path = path.replace("%2F", "%252F").replace("%2f", "%252f");
    percent_decode_str(&path).decode_utf8_lossy().into_owned()
}
