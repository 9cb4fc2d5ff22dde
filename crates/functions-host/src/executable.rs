//! The executable of the handler: where it is, and with which arguments it is started.

use crate::app::App;
use crate::options::Plan;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What is started as the handler.
#[derive(Debug, Clone)]
pub(crate) struct Executable {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) working_directory: PathBuf,
}

impl Executable {
    /// Where `host.json` says that it is, if a file is there, and on `PATH` otherwise: a file that is missing in the
    /// package is looked for among the programs of the machine.
    pub(crate) fn find(app: &App, environment: &BTreeMap<String, String>) -> Option<Self> {
        let host_json = app.host_json();
        let text = expanded(&host_json.default_executable_path, |name| {
            environment.get(name).cloned().unwrap_or_else(|| format!("%{name}%"))
        });
        // An absolute path stays what it is.
        let in_app = app.root().join(&text);
        let path = if in_app.is_file() { in_app } else { on_path(&text, environment)? };
        let arguments =
            expanded(&host_json.arguments.join(" "), |name| environment.get(name).cloned().unwrap_or_default());
        let working_directory = host_json.working_directory.as_deref().unwrap_or_default();
        Some(Self { path, arguments: split(&arguments), working_directory: app.root().join(working_directory) })
    }

    /// Flex Consumption tries to make the file executable; other plans take it as it is in the package.
    pub(crate) fn prepare(&self, plan: Plan) {
        if plan == Plan::Flex
            && let Ok(metadata) = fs::metadata(&self.path)
        {
            let mode = metadata.permissions().mode();
            // If it cannot, the start will tell.
            drop(fs::set_permissions(&self.path, fs::Permissions::from_mode(mode | 0o100)));
        }
    }
}

fn on_path(name: &str, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    if name.contains('/') {
        return None;
    }
    let folders = environment.get("PATH").map(String::as_str).unwrap_or_default();
    folders
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| Path::new(folder).join(name))
        .find(|file| file.is_file())
}

/// The text with the value of each `%NAME%`.
fn expanded(text: &str, value: impl Fn(&str) -> String) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        result.push_str(before);
        let Some((name, after)) = after.split_once('%') else {
            result.push('%');
            rest = after;
            continue;
        };
        result.push_str(&value(name));
        rest = after;
    }
    result + rest
}

/// The arguments in a line: blanks are between them, except where they are quoted.
fn split(line: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut argument = None::<String>;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                argument.get_or_insert_default();
            }
            blank if blank.is_whitespace() && !quoted => arguments.extend(argument.take()),
            other => argument.get_or_insert_default().push(other),
        }
    }
    arguments.extend(argument);
    arguments
}

#[cfg(test)]
mod tests {
    use super::{expanded, split};

    #[test]
    fn variables_are_expanded_and_arguments_split() {
        let value = |name: &str| if name == "HOME" { "/home/me".to_owned() } else { String::new() };
        assert_eq!(expanded("%HOME%/bin 100% %GONE%|", value), "/home/me/bin 100GONE%|");
        assert_eq!(expanded("%HOME%/bin %GONE%|", value), "/home/me/bin |");
        assert_eq!(split("serve  --port 1 \"a b\" \"\""), ["serve", "--port", "1", "a b", ""]);
        assert!(split(" ").is_empty());
    }
}
