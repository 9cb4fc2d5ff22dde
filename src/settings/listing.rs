//! The table of settings as text, as Markdown and as JSON.

use super::setting::{Group, InAzure, Setting, Values};
use super::table;
use serde::Serialize;
use std::fmt::Write as _;

/// A setting as it is listed.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// The environment variable.
    pub name: &'static str,
    /// A second name, which counts where the first is not set.
    pub alias: Option<&'static str>,
    /// Which settings it belongs with.
    pub group: Group,
    /// What values are expected.
    pub values: String,
    /// All values, where they can be listed.
    pub choices: &'static [&'static str],
    /// The value where the setting is not set, if there is one.
    pub default: Option<String>,
    /// Where its value comes from in a deployment by the templates.
    pub in_azure: InAzure,
    /// Whether its value may hold a secret.
    pub secret: bool,
    /// What it is for, as Markdown.
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
/// None that is known: everything in the table can be written.
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

/// The settings of each group, with its title.
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
