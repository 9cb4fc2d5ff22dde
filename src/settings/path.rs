//! Paths in settings: refuses `~` and variables, which only a shell expands.

/// Why a text is not a path, or not the intended one. The file system would accept it as a name.
pub(super) fn problem_of(text: &str) -> Option<String> {
    let is_quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if text.is_empty() {
        Some("contains only blanks: expected a path; to use the default, unset it".to_owned())
    } else if is_quoted('"') || is_quoted('\'') {
        Some(format!("{text}: the quotes would be part of the path: remove them"))
    } else if text.contains("://") {
        Some(format!("'{text}': expected a path, not a URL"))
    } else if text.starts_with('~') {
        Some(format!("'{text}': only a shell expands ~: expected the full path, such as /home/<user>/…"))
    } else {
        let variable = variable_in(text)?;
        Some(format!("'{text}': {variable} is not expanded here: expected the full path, with its value"))
    }
}

/// The first variable in a text, as shells write them: `$NAME`, `${NAME}`, `$(…)`, or `%NAME%`.
fn variable_in(text: &str) -> Option<&str> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for (start, sign) in text.char_indices().filter(|(_, c)| matches!(c, '$' | '%')) {
        let (whole, rest) = (text.get(start..)?, text.get(start + 1..)?);
        let close = match (sign, rest.chars().next()) {
            ('$', Some('{')) => rest.find('}').map(|end| end + 1),
            ('$', Some('(')) => rest.find(')').map(|end| end + 1),
            ('$', _) => rest.find(|c| !is_of_name(c)).or(Some(rest.len())).filter(|end| *end > 0),
            _ => rest.find('%').filter(|end| *end > 0 && rest.chars().take(*end).all(is_of_name)).map(|end| end + 1),
        };
        if let Some(close) = close {
            return whole.get(..=close).or(Some(whole));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_shell_would_expand_is_not_a_path() {
        for (text, expected) in [
            ("/var/lib/signer", None),
            ("data", None),
            ("./my data", None),
            ("C:\\data", None),
            ("/data/a~b", None),
            ("/data/100%", None),
            ("/data/50% and 60%", None),
            ("/data/US$", None),
            ("/data/US$ 5", None),
            ("", Some("contains only blanks")),
            ("~", Some("'~': only a shell expands ~")),
            ("~/x", Some("'~/x': only a shell expands ~: expected the full path, such as /home/<user>/…")),
            ("~baker/x", Some("only a shell expands ~")),
            ("$HOME/x", Some("'$HOME/x': $HOME is not expanded here")),
            ("$HOME", Some("'$HOME': $HOME is not expanded here")),
            ("${HOME}/x", Some("'${HOME}/x': ${HOME} is not expanded here")),
            ("/srv/$USER/data", Some("$USER is not expanded here")),
            ("$(pwd)/data", Some("$(pwd) is not expanded here")),
            ("%HOME%/x", Some("'%HOME%/x': %HOME% is not expanded here")),
            ("\"/data\"", Some("\"/data\": the quotes would be part of the path")),
            ("'/data'", Some("the quotes would be part of the path")),
            ("file:///data", Some("expected a path, not a URL")),
        ] {
            let reason = problem_of(text);
            assert_eq!(reason.is_some(), expected.is_some(), "{text:?}: {reason:?}");
            assert!(reason.is_none_or(|reason| reason.contains(expected.unwrap_or_default())), "{text:?}");
        }
    }
}
