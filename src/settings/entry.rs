//! A setting as a row of the listing.

use super::setting::{Group, InAzure, Setting, Values};
use serde::Serialize;

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
