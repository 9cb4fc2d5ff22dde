//! The table of settings as text, as Markdown and as JSON.

use super::entry::Entry;
use super::setting::{Group, InAzure};
use super::table;
use std::fmt::Write as _;

/// All settings for a terminal.
pub fn text() -> String {
    let mut text = String::new();
    for (title, entries) in groups() {
        _ = writeln!(text, "{title}:");
        for entry in entries {
            let alias = entry.alias.map(|alias| format!(", {alias}")).unwrap_or_default();
            let default = entry.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
            _ = writeln!(text, "  {}{alias}{default}\n      {}\n      {}", entry.name, entry.help, entry.values);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// The tables of the reference page.
pub fn markdown() -> String {
    let mut text = String::new();
    for (title, entries) in groups() {
        _ = write!(
            text,
            "### {title}\n\n| setting | default | values | meaning | in Azure |\n| --- | --- | --- | --- | --- |\n"
        );
        for entry in entries {
            let alias = entry.alias.map(|alias| format!(", `{alias}`")).unwrap_or_default();
            let default = entry.default.map(|default| format!("`{default}`")).unwrap_or_default();
            let values = entry.values.replace('<', "\\<");
            let in_azure = source(entry.in_azure);
            _ = writeln!(text, "| `{}`{alias} | {default} | {values} | {} | {in_azure} |", entry.name, entry.help);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

/// All settings for programs: a list of [`Entry`].
///
/// # Errors
/// None are known: everything in the table can be serialized.
pub fn json() -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(&table::entries())
}

fn source(in_azure: InAzure) -> String {
    match in_azure {
        InAzure::Chosen => "`signerSettings`".to_owned(),
        InAzure::Parameter(name) => format!("parameter `{name}`"),
        InAzure::Deployment => "set by the template".to_owned(),
        InAzure::Platform => "set by the platform".to_owned(),
        InAzure::Unset(reason) => format!("not set: {reason}"),
    }
}

/// The settings of each group, with the group's title.
fn groups() -> Vec<(&'static str, Vec<Entry>)> {
    let mut groups: Vec<(Group, Vec<Entry>)> = Vec::new();
    for entry in table::entries() {
        match groups.last_mut() {
            Some((group, entries)) if *group == entry.group => entries.push(entry),
            _ => groups.push((entry.group, vec![entry])),
        }
    }
    groups.into_iter().map(|(group, entries)| (group.title(), entries)).collect()
}
