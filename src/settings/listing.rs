//! The table of settings as text, as Markdown and as JSON.

use super::setting::{Group, InAzure, Setting, Values};
use super::table;
use serde::Serialize;
use std::fmt::Write as _;

/// A row of the listing.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The environment variable.
    pub name: &'static str,
    /// An alternative name, read if the first is not set.
    pub alias: Option<&'static str>,
    /// The group of the setting.
    pub group: Group,
    /// The form of valid values.
    pub values: String,
    /// All valid values, if they can be listed.
    pub choices: &'static [&'static str],
    /// The default, if any.
    pub default: Option<String>,
    /// The origin of its value in a deployment by the templates.
    pub in_azure: InAzure,
    /// Whether its value may hold a secret.
    pub secret: bool,
    /// The description, in Markdown.
    pub help: &'static str,
}

impl Entry {
    pub(super) fn of<V: Values>(setting: &Setting<V>) -> Self {
        Self {
            name: setting.name,
            alias: setting.alias,
            group: setting.group,
            values: setting.values.form(),
            choices: setting.values.choices(),
            default: setting.values.default(),
            in_azure: setting.in_azure,
            secret: setting.is_secret,
            help: setting.help,
        }
    }
}

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
